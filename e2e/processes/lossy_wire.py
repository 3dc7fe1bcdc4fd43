"""A network that loses and delays packets, for TCP of this machine to itself.

Everything that is sent to FAR comes back from FAR to NEAR: source and destination are swapped,
which leaves all checksums as they are. So who connects to FAR reaches what listens on NEAR, and
each packet of either passes through here. In a network namespace of its own, with CAP_NET_ADMIN.

Reads lines `<share lost> <delay in seconds, each way>`; answers each with `<passed> <lost>` so far.
"""

import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import sys
import time

# Both of 127.0.0.0/8, of which only 127.0.0.1 stays with the loopback device.
NEAR, FAR, SEED = sys.argv[1:]
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
# So many packets on their way fill no memory; what is beyond is lost as in any full queue.
MOST = 20_000

tun = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", b"lossy", IFF_TUN | IFF_NO_PI))
COMMANDS = f"""
    ip addr del 127.0.0.1/8 dev lo
    ip addr add 127.0.0.1/32 dev lo
    ip addr add {NEAR} peer {FAR} dev lossy
    ip link set lossy up
    sysctl -q net.ipv4.conf.lossy.route_localnet=1
"""
for command in COMMANDS.strip().splitlines():
    subprocess.run(command.split(), check=True)

chance = random.Random(int(SEED))
loss, delay, passed, lost, waiting = 0.0, 0.0, 0, 0, []
print("0 0", flush=True)
while True:
    wait = max(0, waiting[0][0] - time.monotonic()) if waiting else None
    ready, _, _ = select.select([tun, sys.stdin], [], [], wait)
    if sys.stdin in ready:
        said = sys.stdin.readline()
        if not said:
            break
        loss, delay = map(float, said.split())
        print(passed, lost, flush=True)
    if tun in ready:
        packet = os.read(tun, 65_535)
        if packet[0] >> 4 == 4:
            if chance.random() < loss or len(waiting) >= MOST:
                lost += 1
            else:
                passed += 1
                swapped = packet[:12] + packet[16:20] + packet[12:16] + packet[20:]
                heapq.heappush(waiting, (time.monotonic() + delay, passed, swapped))
    while waiting and waiting[0][0] <= time.monotonic():
        os.write(tun, heapq.heappop(waiting)[2])
