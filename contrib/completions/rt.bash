# bash completion for rt
_rt() {
	local cur prev words cword
	_init_completion -n = 2>/dev/null || {
		cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=("${COMP_WORDS[@]}") cword=$COMP_CWORD
	}
	case $prev in
	--root | --bundle | -b) COMPREPLY=($(compgen -d -- "$cur")); return ;;
	--log | --trace | --pid-file | --console-socket | --pidfd-socket | --process | -p | --resources | -r)
		COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--log-format) COMPREPLY=($(compgen -W 'text json' -- "$cur")); return ;;
	--format | -f)
		[[ " ${words[*]} " == *" delete "* ]] || { COMPREPLY=($(compgen -W 'table json' -- "$cur")); return; } ;;
	--rootless) [[ " ${words[*]} " == *" spec "* ]] || { COMPREPLY=($(compgen -W 'true false auto' -- "$cur")); return; } ;;
	esac

	# The verb is the first word that is no global flag and no value of one.
	local i verb= root=()
	for ((i = 1; i < cword; i++)); do
		case ${words[i]} in
		--root) root=(--root "${words[i + 1]}"); ((i++)) ;;
		--root=*) root=("${words[i]}") ;;
		--log | --log-format | --rootless | --trace) ((i++)) ;;
		-*) ;;
		*) verb=${words[i]}; break ;;
		esac
	done

	local flags= operand=
	case $verb in
	'')
		flags='--root --log --log-format --debug --systemd-cgroup --rootless --trace --help --version'
		operand='create start state kill delete run exec list ps pause resume update verify spec features'
		;;
	create)
		flags='--bundle --console-socket --pid-file --pidfd-socket --no-pivot --no-new-keyring --preserve-fds --help'
		operand=bundles
		;;
	start)
		flags='--help'
		operand=ids
		;;
	state)
		flags='--help'
		operand=ids
		;;
	kill)
		flags='--all --help'
		operand=ids
		;;
	delete)
		flags='--force --help'
		operand=ids
		;;
	run)
		flags='--bundle --console-socket --pid-file --pidfd-socket --no-pivot --no-new-keyring --preserve-fds --detach --keep --no-subreaper --help'
		operand=bundles
		;;
	exec)
		flags='--process --tty --detach --cwd --env --user --additional-gids --process-label --apparmor --no-new-privs --cap --console-socket --pid-file --pidfd-socket --preserve-fds --cgroup --ignore-paused --help'
		operand=ids
		;;
	list)
		flags='--format --quiet --help'
		;;
	ps)
		flags='--format --help'
		operand=ids
		;;
	pause)
		flags='--help'
		operand=ids
		;;
	resume)
		flags='--help'
		operand=ids
		;;
	verify)
		flags='--help'
		operand=ids
		;;
	update)
		flags='--resources --blkio-weight --cpu-period --cpu-quota --cpu-burst --cpu-share --cpu-idle --cpu-rt-period --cpu-rt-runtime --cpuset-cpus --cpuset-mems --memory --memory-reservation --memory-swap --pids-limit --l3-cache-schema --mem-bw-schema --help'
		operand=ids
		;;
	spec)
		flags='--bundle --rootless --terminal --help'
		;;
	features)
		flags='--help'
		;;
	esac
	case $cur:$operand in
	-*) COMPREPLY=($(compgen -W "$flags" -- "$cur")) ;;
	*:ids) COMPREPLY=($(compgen -W "$(rt "${root[@]}" list --quiet 2>/dev/null)" -- "$cur")) ;;
	*:bundles) COMPREPLY=($(compgen -d -- "$cur")) ;;
	*) COMPREPLY=($(compgen -W "$operand" -- "$cur")) ;;
	esac
}
complete -F _rt rt
