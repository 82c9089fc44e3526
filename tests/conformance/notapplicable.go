package conformance

import "strings"

// A reason says why a sentence can't be checked of a runtime on Linux.
type reason struct {
	why string
	ids string
}

// reasons are for the sentences that no check holds. Every sentence about a
// property that a config must have is checked by what the property does, and, where
// its absence can be told, by leaving it out.
var reasons = []reason{
	{"speaks of Windows", `
		configRoot.1 configRoot.5 configRoot.9
		configMounts.5 configMounts.6 configMounts.9
		configProcess.8 configPlatformSpecificConfiguration.1`},
	{"speaks of Hyper-V", `configRoot.2`},
	{"speaks of Solaris", `configMounts.7`},
	{"speaks of platforms other than Linux", `configMounts.8`},
	{"speaks to the author of the config; a runtime accepts both", `
		configMounts.3 configPOSIXMounts.2 configPOSIXMounts.5
		configLinuxDevices.6 configLinuxMemory.1 configLinuxMemory.2 configAnnotations.4`},
	{"speaks to whoever writes the annotation, which a runtime passes on as it is", `
		configAnnotations.5
		configAnnotations.org.opencontainers.image.os
		configAnnotations.org.opencontainers.image.os.2
		configAnnotations.org.opencontainers.image.os.version
		configAnnotations.org.opencontainers.image.os.version.2
		configAnnotations.org.opencontainers.image.os.features
		configAnnotations.org.opencontainers.image.os.features.2
		configAnnotations.org.opencontainers.image.architecture
		configAnnotations.org.opencontainers.image.architecture.2
		configAnnotations.org.opencontainers.image.variant
		configAnnotations.org.opencontainers.image.variant.2
		configAnnotations.org.opencontainers.image.author
		configAnnotations.org.opencontainers.image.author.2
		configAnnotations.org.opencontainers.image.created
		configAnnotations.org.opencontainers.image.created.2
		configAnnotations.org.opencontainers.image.stopSignal.2
		configAnnotations.org.opencontainers.image.stopSignal.3`},
	{"speaks to later versions of the specification", `configAnnotations.6`},
	{"speaks to the author of a bundle", `containerFormat.2`},
	{"speaks to readers of the document", `features.2`},
	{"is no demand: \"should be reallocated\" tells what a period is", `configLinuxCPU.3`},
	{"needs a kernel older than 5.7, which has no hugetlb reservation limits", `configLinuxHugePageLimits.1`},
}

// NotApplicable returns the reasons by the sentences' ids.
func NotApplicable() map[string]string {
	why := map[string]string{}
	for _, r := range reasons {
		for id := range strings.FieldsSeq(r.ids) {
			why[id] = r.why
		}
	}
	return why
}
