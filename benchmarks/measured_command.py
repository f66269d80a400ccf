"""Run a command, and write its usage as JSON to a file descriptor.

    python -I -S measured_command.py DESCRIPTOR COMMAND ...

Linux counts the memory of a process as a peak of every process that it starts. This one is small.
"""

import json
import os
import sys
import time

descriptor = int(sys.argv[1])
os.set_inheritable(descriptor, False)
started = time.perf_counter()
command = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, used = os.wait4(command, 0)
usage = {
    "wall_s": time.perf_counter() - started,
    "cpu_s": used.ru_utime + used.ru_stime,
    "peak_bytes": used.ru_maxrss * 1024,
}
os.write(descriptor, json.dumps(usage).encode())
sys.exit(os.waitstatus_to_exitcode(status) % 256)
