# SPDX-License-Identifier: BSD-3-Clause
"""KernelPeer: a second Linux kernel (User Mode Linux), with the real ESP that this machine's own kernel
may lack. It takes over one veth end of a namespace. Its root is the host's file system, read-only, under
a tmpfs; commands reach it through a shared folder and its console.
"""
import itertools
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import time

from .bench import LabError, wait_for

ECHO = pathlib.Path(__file__).with_name("echo.py")
LAUNCHER = pathlib.Path(__file__).with_name("without_xstate.py")
# Where the extended state is not handed over, a page fault loses the upper halves of the vector registers:
# no program of the guest may use them. Words that the kernel does not know are init's environment.
NO_VECTORS = ("GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX,-AVX2,-AVX512F,-AVX512VL,-AVX512BW,-AVX_Fast_Unaligned_Load,"
              "-FMA,-BMI2,-ERMS,-FSRM", "OPENSSL_ia32cap=~0x1800100000000000:0x0")
MODULES = ("xfrm_user esp4 ah4 xfrm4_tunnel ipv6 esp6 ah6 xfrm6_tunnel cmac xcbc cbc ctr gcm hmac authenc authencesn seqiv echainiv chacha20poly1305 "
           "chacha_generic poly1305_generic ghash-generic aes_generic sha1_generic sha256_generic sha512_generic "
           "crypto_null jitterentropy_rng drbg ecb af_key tun")

# Two stages: the first puts an overlay over the host's files, the second serves commands: each line
# "run N" on the console runs N.sh of the shared folder and leaves N.out and N.rc there.
INIT = r"""#!/bin/bash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C
share=@SHARE@
if [ "$1" != inside ]; then
  insmod "/usr/lib/uml/modules/$(uname -r)/kernel/fs/overlayfs/overlay.ko"
  mount -t tmpfs -o size=128m tmpfs /mnt
  mkdir -p /mnt/upper /mnt/work /mnt/root
  mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root
  cd /mnt/root
  mkdir -p run tmp proc sys dev var/run "./$share" lib/modules
  mount -t tmpfs tmpfs run
  mount -t tmpfs tmpfs tmp
  mkdir -p "./$share"
  mount -t hostfs -o "$share" none "./$share"
  mount -t proc proc proc
  mount -t sysfs sysfs sys
  mount -t devtmpfs devtmpfs dev
  mkdir -p dev/shm dev/pts
  mount -t tmpfs tmpfs dev/shm
  mount -t hostfs -o /usr/lib/uml/modules none lib/modules
  exec chroot . "$share/init" inside
fi
# All that is needed is loaded here: the kernel's own call of modprobe would lack our environment.
for module in @MODULES@; do modprobe -q "$module"; done
sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 \
  net.ipv6.conf.all.disable_ipv6=1
ip link set lo up
ethtool -K vec0 tx off gro off tso off gso off sg off >/dev/null 2>&1
ip link set vec0 mtu @MTU@ up
stty -echo
echo "GUEST READY"
while read -r word number; do
  case $word in
    run) (
      bash "$share/$number.sh" >"$share/$number.out" 2>&1 </dev/null
      code=$?
      sync "$share/$number.out"
      echo $code >"$share/$number.tmp"
      sync "$share/$number.tmp"
      mv "$share/$number.tmp" "$share/$number.rc"
    ) & ;;
    halt) echo o >/proc/sysrq-trigger; sleep 10 ;;
  esac
done
"""


class KernelPeer:
    def __init__(self, bench, space, interface, addresses, name="uml", memory="256M", mtu=1500):
        self.bench, self.space, self.name = bench, space, name
        self.shared = bench.directory / f"{name}-share"
        self.shared.mkdir()
        self.numbers = itertools.count(1)
        init = self.shared / "init"
        init.write_text(INIT.replace("@SHARE@", str(self.shared)).replace("@MODULES@", MODULES)
                        .replace("@MTU@", str(mtu)))
        init.chmod(0o755)
        # The guest itself answers on the interface: the outer kernel has no address there.
        space.ip("addr", "flush", "dev", interface)
        space.sysctl(net__ipv4__ip_forward=0)
        self.console = open(bench.directory / f"{name}-console.log", "wb")
        self.process = subprocess.Popen(
            space.words("/usr/bin/python3", LAUNCHER, "linux.uml", f"mem={memory}", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro",
                        f"init={init}", "con=null", "con0=fd:0,fd:1", "ssl=null", *NO_VECTORS, f"umid={bench.tag}{name}",
                        f"uml_dir={bench.directory}/", "quiet",
                        f"vec0:transport=raw,ifname={interface},depth=128,gro=0"),
            stdin=subprocess.PIPE, stdout=self.console, stderr=subprocess.STDOUT, start_new_session=True,
            env=dict(os.environ, TMPDIR="/dev/shm"))
        bench.at_close.append(self.stop)
        path = pathlib.Path(self.console.name)

        def ready():
            if self.process.poll() is not None:
                raise LabError(f"User Mode Linux ended:\n{path.read_text(errors='replace')[:1500]}")
            return "GUEST READY" in path.read_text(errors="replace")

        wait_for("User Mode Linux has booted", ready, 40)
        if any(":" in address for address in addresses):
            self.run("sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.vec0.disable_ipv6=0 "
                     "net.ipv6.conf.all.forwarding=1")
        for address in addresses:
            self.run(f"ip addr add {address} dev vec0 {'nodad' if ':' in address else ''}")

    def background(self, script):
        number = next(self.numbers)
        (self.shared / f"{number}.sh").write_text(script + "\n")
        self.process.stdin.write(f"run {number}\n".encode())
        self.process.stdin.flush()
        return number

    def run(self, script, check=True, timeout=60):
        """Shell text run in the guest; .returncode and .text."""
        number = self.background(script)
        done = self.shared / f"{number}.rc"

        def finished():
            if self.process.poll() is not None:
                raise LabError("User Mode Linux has died")
            return done.exists() and done.read_text().strip()

        status = int(wait_for(f"the guest runs {script.splitlines()[0][:60]}", finished, timeout))
        text = (self.shared / f"{number}.out").read_text(errors="replace")
        if check and status:
            raise LabError(f"in the guest, exit status {status}: {script[:200]}\n{text[:1500]}")
        return Done(status, text)

    def ping(self, destination, source=None, count=5, size=56):
        words = ["ping", "-n", "-c", count, "-i", "0.1", "-W", "1", "-s", size, *(["-I", source] if source else []),
                 destination]
        text = self.run(shlex.join(map(str, words)), check=False).text
        return int(text.split(" received")[0].split()[-1]) if " received" in text else 0

    def serve_echo(self, addresses):
        """TCP and UDP echo (echo.py) on these addresses of the guest."""
        shutil.copy(ECHO, self.shared / "echo.py")
        self.background(f"exec python3 {self.shared}/echo.py serve {' '.join(addresses)}")
        self.run(f"for i in $(seq 200); do [ $(ss -Hltn | grep -c :7007) = {len(addresses)} ] && exit 0; sleep 0.1; done; "
                 "exit 1")

    def stop(self):
        """Powers off; its threads are a process group of their own, ended together."""
        if self.process.poll() is None:
            try:
                self.process.stdin.write(b"halt\n")
                self.process.stdin.flush()
                self.process.wait(3)
            except (OSError, subprocess.TimeoutExpired):
                pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.console.close()
        time.sleep(0.05)


class Done:
    """What a command in the guest ended with."""

    def __init__(self, returncode, text):
        self.returncode, self.text = returncode, text
