#!/usr/bin/env bash
# Podman without an image registry, with all of it in one folder.
#   offline.sh configure                       writes Podman's configuration
#   offline.sh base IMAGE RELEASE [PACKAGE...] makes a base image from Debian's packages, as root
# Build steps and containers get the machine's package sources and certificates, which no image keeps.
set -euo pipefail
folder=$(realpath -m "$(dirname "$0")/../../build/containers")
release=bookworm # of this machine
certificates=/etc/ssl/certs/ca-certificates.crt
inside=/run/host-certificates.crt # not over /etc/ssl: dpkg couldn't set up ca-certificates there

# Address and release of each of the machine's Debian sources.
targets() {
	apt-get indextargets --format '$(ORIGIN)|$(REPO_URI)|$(RELEASE)' 'Created-By: Packages' |
		sed -n "s/^Debian|\(.*\)|\($release.*\)$/\1 \2/p" | sort -u
}

fail() {
	echo "$1" >&2
	exit 1
}

configure() {
	mkdir -p "$folder"/{storage,run,tmp,networks}
	targets | sed 's/.*/deb & main/' >"$folder/sources.list"
	{
		echo '[global]'
		[ ! -f $certificates ] || echo "cert = $inside"
		python3 -m pip config list --disable-pip-version-check |
			sed -nE "s/^.*\.((extra-)?index-url)='(.*)'$/\1 \3/p" | while read -r name values; do
			urls=$(tr ' ' '\n' <<<"$values" | grep '^http' | tr '\n' ' ') || true
			[ -z "$urls" ] || echo "$name = $urls"
		done
	} >"$folder/pip.conf"
	cat >"$folder/storage.conf" <<-END
		[storage]
		driver = "overlay"
		graphroot = "$folder/storage"
		runroot = "$folder/run"
		[storage.options.overlay]
		skip_mount_home = "true"
	END
	local mounts="" pair
	for pair in "$folder/sources.list:/etc/apt/sources.list.d/host.list" "$folder/pip.conf:/etc/pip.conf" \
		"$certificates:$inside" /etc/apt/apt.conf.d:/etc/apt/apt.conf.d /etc/apt/apt.conf:/etc/apt/apt.conf; do
		[ ! -e "${pair%%:*}" ] || mounts="$mounts\"$pair:ro\", "
	done
	# runc works with hybrid control groups; a soft limit that equals the hard one is allowed everywhere; file locks leave
	# nothing in shared memory. So Podman works inside of other containers and machines, too.
	cat >"$folder/containers.conf" <<-END
		[containers]
		default_ulimits = ["nofile=16384:16384", "nproc=4096:4096"]
		log_driver = "k8s-file"
		netns = "host"
		volumes = [$mounts]
		[engine]
		cgroup_manager = "cgroupfs"
		events_logger = "file"
		image_copy_tmp_dir = "storage"
		lock_type = "file"
		runtime = "runc"
		tmp_dir = "$folder/run/libpod"
		[network]
		network_backend = "netavark"
		network_config_dir = "$folder/networks"
	END
}

base() {
	local image=$1 wanted=$2 tree archive mirror packages=ca-certificates name
	tree=$folder/tmp/$wanted archive=$folder/tmp/$wanted.tar
	shift 2
	for name; do packages=$packages,$name; done
	[ "$(id -u)" = 0 ] && command -v debootstrap >/dev/null ||
		fail "The base image takes root and debootstrap: as root, run \`make containers\`."
	mirror=$(targets | sed -n "s/ $release$//p" | head -n 1)
	[ -n "$mirror" ] || fail "apt knows no source of Debian $release: run \`apt-get update\` as root."
	rm -rf "$tree"
	# In a mount namespace of its own, so that nothing stays mounted however this ends.
	unshare --mount debootstrap --variant=minbase --include="$packages" "$wanted" "$tree" "$mirror" >"$folder/base.log" 2>&1 ||
		fail "debootstrap failed: $(tail -n 8 "$folder/base.log")"
	# What nothing in a container needs; Debian's own slim images leave it out, too.
	for name in usr/share/{doc,man,info,locale} var/{lib/apt/lists,cache/apt,log}; do
		rm -rf "${tree:?}/$name" && mkdir "$tree/$name"
	done
	rm "$tree/etc/apt/sources.list"
	tar --create --numeric-owner --directory="$tree" --file="$archive" .
	rm -rf "$tree"
	podman import "$archive" "$image" >/dev/null
	rm "$archive"
}

"$@"
