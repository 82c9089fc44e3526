// Package conformance holds a runtime to the words of the OCI runtime
// specification.
//
// Sentences finds every sentence of the specification that has one of RFC 2119's
// words, and gives it an id: the anchor of its heading and its number below it, or
// its row of a table. Each of them is either checked by a subtest that has its name,
// or listed in notApplicable with the reason. TestEverySentence fails when one is
// neither, when one has changed, and when a check is for a sentence that is not
// there.
//
// The checks drive the runtime by its command line only, so $RUNTIME may be
// another one than rt. What the specification says nothing about, the texts of
// errors, is held for rt alone.
//
//	make conformance                  rt, on this machine
//	make conformance RUNTIME=crun     another runtime
//	make conformance-table            rt, runc and crun, and docs/conformance.md
package conformance
