#!/bin/bash
# Ceph's S3, from Debian's packages, in the foreground until SIGTERM: one monitor, one OSD (BlueStore on a file), one radosgw.
#
#   radosgw.sh DIRECTORY PORT        all that it keeps is under DIRECTORY; user test, secret test
#
# One copy of everything, no manager: the least that serves S3. The rest is as Ceph
# starts by default: BlueStore syncs each write, and radosgw verifies each signature.
set -euo pipefail

directory=$(realpath "$1")
port=$2
export CEPH_CONF="$directory/ceph.conf"
size=$((40 << 30))      # bytes of the OSD's file, which is sparse
messenger=$((port + 1)) # the monitor's
patience=60             # seconds for each step

for program in ceph-mon ceph-osd radosgw radosgw-admin monmaptool uuidgen; do
  command -v "$program" >/dev/null || { echo "no $program: apt-get install --no-install-recommends radosgw ceph-mon ceph-osd ceph-common uuid-runtime" >&2; exit 1; }
done

started=()
stop() {
  trap - EXIT TERM INT
  for ((at = ${#started[@]} - 1; at >= 0; at--)); do kill -TERM "${started[at]}" 2>/dev/null || true; done
  for _ in $(seq 40); do
    alive=0
    for pid in "${started[@]}"; do kill -0 "$pid" 2>/dev/null && alive=1; done
    [ $alive = 0 ] && break
    sleep 0.1
  done
  kill -KILL "${started[@]}" 2>/dev/null || true
}
trap 'stop; tail -n 3 "$directory"/*.out >&2; exit 1' EXIT
trap 'stop; exit 0' TERM INT

begin() { # NAME COMMAND…: in the background, with a log of its own
  "${@:2}" >"$directory/$1.out" 2>&1 &
  started+=($!)
}

fsid=$(uuidgen)
mkdir -p "$directory"/{mon,osd,rgw}
cat >"$CEPH_CONF" <<CONF
[global]
fsid = $fsid
mon initial members = a
mon host = [v2:127.0.0.1:$messenger/0]
keyring = $directory/keyring
run dir = $directory
admin socket = $directory/\$name.asok
pid file =
log file = $directory/\$name.log
mon cluster log file = $directory/cluster.log
ms bind ipv4 = true
public network = 127.0.0.0/8
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon data avail crit = 1
mon data avail warn = 1
[mon]
mon data = $directory/mon
[osd]
keyring = $directory/osd/keyring
osd data = $directory/osd
osd objectstore = bluestore
bluestore block size = $size
bluestore block create = true
[client.rgw.a]
keyring = $directory/rgw/keyring
rgw data = $directory/rgw
rgw frontends = beast endpoint=127.0.0.1:$port
rgw enable usage log = false
CONF

monmaptool --create --fsid "$fsid" --addv a "[v2:127.0.0.1:$messenger]" "$directory/monmap" >/dev/null
everything=(--cap mon "allow *" --cap osd "allow *")
ceph-authtool --create-keyring "$directory/keyring" --gen-key -n mon. --cap mon "allow *" >/dev/null
ceph-authtool "$directory/keyring" --gen-key -n client.admin "${everything[@]}" >/dev/null
ceph-mon --mkfs -i a --monmap "$directory/monmap" --keyring "$directory/keyring" >"$directory/mkfs-mon.out" 2>&1
begin mon ceph-mon -f -i a
timeout "$patience" ceph -s >/dev/null # waits for the monitor

uuid=$(uuidgen)
number=$(timeout "$patience" ceph osd new "$uuid")
ceph auth get-or-create "osd.$number" mon "allow profile osd" osd "allow *" >"$directory/osd/keyring"
ceph-osd --mkfs -i "$number" --osd-uuid "$uuid" >"$directory/mkfs-osd.out" 2>&1
begin osd ceph-osd -f -i "$number"
for _ in $(seq $((patience * 5))); do
  timeout "$patience" ceph osd stat | grep -q '1 up' && break
  sleep 0.2
done

timeout "$patience" radosgw-admin user create --uid=test --display-name=test --access-key=test --secret=test >"$directory/user.out" 2>&1
ceph auth get-or-create client.rgw.a mon "allow rw" osd "allow rwx" >"$directory/rgw/keyring"
begin rgw radosgw -f -n client.rgw.a
wait -n "${started[@]}" || true # one of them ended: so do the others
