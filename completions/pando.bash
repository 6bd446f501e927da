# SPDX-License-Identifier: Apache-2.0
# Bash completion for pando(1): commands, options, files, and the names of running guests.
# tests/unit/completion.sh compares the two tables with what --help says.
# shellcheck shell=bash disable=SC2207

declare -gA _pando_options=(
	[run]="--domain --kernel --initrd --append --cpus --memory --max-cpus --max-memory --max-hosts --elastic --hosts --key --id --id-optional --local --netns --link --plain --sealed --name --uuid
		--qmp --console --virtio-console --trace --status-json --peer-timeout --start-timeout --hold --reserve --prefetch --spin
		--local-memory --dilate --tsc-skew --overcommit --no-reboot --disk --net --forward --rng --metrics --metrics-anywhere --metrics-file --metrics-every
		--quiet --verbose"
	[host]="--listen --key --id --id-optional --cpus --memory --spin --link --plain --overcommit --seccomp --disks --once --log-name --listen-fd --key-fd --quiet --verbose"
	[check]="--key --id --json"
	[status]="--json"
	[dumpxml]="--from"
	[qmp]="--wait --events"
	[top]="--interval --view --once --rows --cols"
	[move]="--json"
	[hosts]="--json"
	[add-host]="--cpus --memory --json"
	[remove-host]="--json"
	[drain]="--cancel --json"
	[move-board]="--json"
	[grow]="--host --cpus --memory --node --json"
	[shrink]="--cpu --memory --seconds"
	[trace]="--output --json --text --records"
	[report]="-o"
	[keygen]=""
	[cluster]="--role --name --ttl --listen --to --via --out"
	[login]="--cluster --to --via --role --identity --out"
)

_pando_names() { # guests with a monitor here
	local dir s
	for dir in "${PANDO_RUN_DIR:-}" /run/pando "${XDG_RUNTIME_DIR:-/nonexistent}/pando"; do
		for s in "${dir:-/nonexistent}"/*.qmp; do
			[ -S "$s" ] && basename "$s" .qmp
		done
	done
}

_pando() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]:-}
	COMPREPLY=()

	if [ "$COMP_CWORD" -eq 1 ]; then
		COMPREPLY=($(compgen -W "${!_pando_options[*]} --help --version" -- "$cur"))
		return
	fi
	case $prev in
	--domain | --kernel | --initrd | --key | --trace | --status-json | --metrics-file | --output | --from | --identity | --id | --out | -o)
		COMPREPLY=($(compgen -f -- "$cur"))
		return
		;;
	--disk) # its path is a file's name; properties follow a comma
		if [[ $cur == *,* ]]; then
			COMPREPLY=($(compgen -P "${cur%,*}," -W "host= serial= ro discard format=raw format=qcow2 queues= boot" -- "${cur##*,}"))
		else
			COMPREPLY=($(compgen -f -- "$cur"))
		fi
		compopt -o nospace 2>/dev/null
		return
		;;
	--net)
		if [[ $cur == *,* ]]; then
			COMPREPLY=($(compgen -P "${cur%,*}," -W "host= mac= mtu= forward= queues= offload=off" -- "${cur##*,}"))
		else
			COMPREPLY=($(compgen -W "passt tap= stream= none" -- "$cur"))
		fi
		compopt -o nospace 2>/dev/null
		return
		;;
	--console | --virtio-console) COMPREPLY=($(compgen -W "stdio pty null file:" -- "$cur")); compopt -o nospace 2>/dev/null; return ;;
	--role) COMPREPLY=($(compgen -W "host operator monitor" -- "$cur")); return ;;
	--link) COMPREPLY=($(compgen -W "uring dpdk:" -- "$cur")); compopt -o nospace 2>/dev/null; return ;;
	--json | --once | --events | --netns | --plain | --sealed | --quiet | --verbose | --overcommit | --no-reboot | --rng | --metrics-anywhere | --id-optional | --text) ;;
	--*) return ;; # its value is nobody's to guess
	esac
	if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "${_pando_options[$command]:-} --help" -- "$cur"))
		return
	fi
	case $command in
	status | qmp | top | move | hosts | add-host | remove-host | drain | move-board | grow | shrink | dumpxml) COMPREPLY=($(compgen -W "$(_pando_names)" -- "$cur")) ;;
	trace)
		if [ "$COMP_CWORD" -eq 2 ]; then
			COMPREPLY=($(compgen -W "start stop decode" -- "$cur"))
		elif [ "${COMP_WORDS[2]}" = decode ]; then
			COMPREPLY=($(compgen -f -- "$cur"))
		else
			COMPREPLY=($(compgen -W "$(_pando_names)" -- "$cur"))
		fi
		;;
	cluster)
		if [ "$COMP_CWORD" -eq 2 ]; then
			COMPREPLY=($(compgen -W "init token serve answer join revoke update show" -- "$cur"))
		elif [ "${COMP_WORDS[2]}" != join ]; then
			COMPREPLY=($(compgen -f -- "$cur"))
		fi
		;;
	login) ;; # nor are names
	check) ;; # addresses are nobody's to guess
	report | keygen) COMPREPLY=($(compgen -f -- "$cur")) ;;
	esac
}
complete -o filenames -F _pando pando
