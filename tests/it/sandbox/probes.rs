//! The probe list: each is a command that a hostile model or repository could run, with the only outcome that is right.

use super::place::{CANARY, Place, Ran, Who, root, run_as, shell};
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

/// What must come of a probe.
pub(super) enum Expected {
    /// It fails, and neither reached anything nor shows the canary.
    Fails,
    /// It prints exactly this.
    Prints(String),
}
use Expected::{Fails, Prints};

pub(super) type Probe = (&'static str, String, Expected);

pub(super) fn fails(name: &'static str, command: impl Into<String>) -> Probe {
    (name, command.into(), Fails)
}

pub(super) fn prints(name: &'static str, command: impl Into<String>, text: impl Into<String>) -> Probe {
    (name, command.into(), Prints(text.into()))
}

fn files(place: &Place) -> Vec<Probe> {
    let canary = place.path("canary").display().to_string();
    let read = place.path("root").display().to_string();
    vec![
        fails("root's home", "ls /root"),
        prints("nobody else's home", "ls /home", "quantum"),
        fails("/etc/shadow", "cat /etc/shadow"),
        fails("host configuration", "cat /etc/sudoers /etc/ssh/sshd_config /etc/fstab"),
        prints("only our user", "cut -d: -f1 /etc/passwd | tr '\\n' ' '", "quantum nobody"),
        fails("a host file", format!("cat {canary}")),
        fails("beside the workspace", "cat ../canary /workspace/../canary"),
        fails("up and away", format!("cat ../../../../../..{canary}")),
        fails("a link made inside", format!("ln -sf {canary} link && cat link")),
        fails("a link made by the host", "cat out"),
        fails("through /proc/1/root", format!("cat /proc/1/root{canary}")),
        fails("through /proc/2/cwd", "ls /proc/2/cwd/"),
        fails("the toolbox's descriptors", "ls /proc/2/fd/ && cat /proc/2/fd/3"),
        fails("our binary through /proc", "cat /proc/1/exe /proc/2/exe"),
        fails("our memory", "head -c1 /proc/2/mem"),
        fails("writing /usr", "touch /usr/x"),
        fails("changing a program", ": >> /usr/bin/env"),
        fails("writing /", "touch /x"),
        fails("writing /etc", "echo x >> /etc/passwd"),
        fails("writing a root", format!("touch {read}/x")),
        prints("using a root", format!("{read}/program"), "tool"),
        fails("a token in a root", format!("cat {read}/.npmrc")),
        fails("a token one folder down", format!("cat {read}/tool/.netrc")),
        fails("a credential folder", format!("cat {read}/tool/.aws/credentials")),
        fails(
            "making a mask readable",
            format!("chmod 644 {read}/credentials.toml; cat {read}/credentials.toml"),
        ),
        fails("taking a mask away", format!("umount {read}/.npmrc; rm -f {read}/.npmrc; cat {read}/.npmrc")),
        prints(
            "few devices",
            "ls /dev | tr '\\n' ' '",
            "fd full null ptmx pts random shm stderr stdin stdout tty urandom zero",
        ),
        prints(
            "folders of the host",
            "for f in /var/lib /var/log /var/spool /var/mail /srv /mnt /media /boot /sys /opt/data /lost+found; do
                test -e $f && echo REACHED $f; done; echo none",
            "none",
        ),
        prints(
            "sockets of the host's services",
            "for f in docker.sock podman/podman.sock containerd/containerd.sock dbus/system_bus_socket \
                systemd/private user; do test -e /run/$f -o -e /var/run/$f && echo REACHED $f; done; echo none",
            "none",
        ),
        fails("a second name for a host file", "ln /usr/bin/env mine && echo REACHED"),
        fails("more space", "mount -o remount,size=10G /tmp && echo REACHED"),
        fails("disks", "cat /dev/vda /dev/sda /dev/nvme0n1 /dev/mem /dev/kmsg"),
        fails("making a device", "mknod device c 1 3"),
        fails("making a disk", "mknod /tmp/device b 254 0"),
        prints(
            "a private file system for temporary files",
            "stat -f -c %T /tmp /dev/shm $HOME | sort -u",
            "tmpfs",
        ),
    ]
}

fn mounts() -> Vec<Probe> {
    vec![
        prints("no mount lets a file give rights", "awk '$6 !~ /nosuid/' /proc/self/mountinfo | wc -l", "0"),
        prints(
            "no mount but the devices' own has devices",
            "awk '$6 !~ /nodev/ && $5 !~ \"^/dev/\"' /proc/self/mountinfo | wc -l",
            "0",
        ),
        prints(
            "a program that gives rights gives none",
            "for f in su mount passwd chsh newgrp; do test -u /usr/bin/$f && { /usr/bin/$f < /dev/null; }; done > /dev/null 2>&1; id -u",
            "1000",
        ),
    ]
}

fn processes() -> Vec<Probe> {
    let us = std::process::id();
    vec![
        prints("no host process is seen", "test $(ls -d /proc/[0-9]* | wc -l) -lt 9 && echo few", "few"),
        fails("a host process", format!("cat /proc/{us}/status")),
        fails("a signal to a host process", format!("kill -9 {us}")),
        prints(
            "the first process can't be killed",
            "kill -9 1 2>/dev/null; kill -STOP 1 2>/dev/null; sleep 0.2; echo alive",
            "alive",
        ),
        fails("a signal to the toolbox", "kill -9 2"),
        prints("a signal to everybody", "kill -9 -1; sleep 0.1; test -d /proc/2 && echo alive", "alive"),
        prints(
            "a signal by descriptor",
            format!(
                "perl -e '$f = syscall({}, 2, 0); $r = syscall({}, $f, 9, 0, 0); print $r < 0 ? $!+0 : \"REACHED\"'",
                libc::SYS_pidfd_open,
                libc::SYS_pidfd_send_signal
            ),
            "1",
        ),
        prints(
            "settings of the kernel",
            "for f in $(find /proc/sys -type f -writable); do v=$(cat $f) && echo $v > $f && echo REACHED $f; done 2>/dev/null; echo none",
            "none",
        ),
        fails("namespaces of the toolbox", "readlink /proc/1/ns/net /proc/2/ns/net && echo REACHED"),
        fails("maps of the toolbox", "cat /proc/1/maps /proc/2/maps && echo REACHED"),
        prints(
            "a terminal to type into",
            "perl -e 'print open(T, \"+</dev/tty\") ? \"REACHED\" : \"none\"'",
            "none",
        ),
        fails("kernel memory", "head -c1 /proc/kcore"),
        fails(
            "kernel keys, symbols, command line",
            "cat /proc/keys && cat /proc/kallsyms && cat /proc/cmdline",
        ),
        fails("orders to the kernel", "echo b > /proc/sysrq-trigger"),
        fails("kernel settings", "echo x > /proc/sys/kernel/core_pattern"),
        fails("our environment", "cat /proc/1/environ /proc/2/environ && echo REACHED"),
        prints(
            "no variable of the host",
            "env | grep -cE '^(CARGO_|RUSTUP_HOME|SSH_|GITHUB_|OPENAI_API_KEY)' | sed s/1/own/",
            "own",
        ),
        prints("descriptors", "ls /proc/self/fd | tr '\\n' ' '", "0 1 2 3"),
        prints("uid", "id -u", "1000"),
        prints(
            "not root outside either",
            "awk '$1 == 1000 && $2 != 0 && $3 == 1 { print \"mapped\" }' /proc/self/uid_map",
            "mapped",
        ),
        prints(
            "rights",
            "grep -E '^(Cap...|NoNewPrivs|Seccomp):' /proc/self/status | tr -s '\\t\\n' ' '",
            "CapInh: 0000000000000000 CapPrm: 0000000000000000 CapEff: 0000000000000000 CapBnd: 0000000000000000 CapAmb: 0000000000000000 NoNewPrivs: 1 Seccomp: 2",
        ),
        prints("no core dumps", "ulimit -c", "0"),
        prints("it goes first when memory is short", "cat /proc/self/oom_score_adj", "800"),
        prints("a name of its own", "hostname 2>/dev/null || cat /proc/sys/kernel/hostname", "sandbox"),
    ]
}

fn sockets(port: u16) -> Vec<Probe> {
    let connect = |address: &str| {
        format!(
            "perl -MSocket -e 'socket($s, AF_INET, SOCK_STREAM, 0); print connect($s, sockaddr_in({address})) ? \"REACHED\" : $!+0'"
        )
    };
    let kinds = |family: i32, kind: i32, protocol: i32, errno: i32| {
        format!(
            "perl -e 'print socket($s, {family}, {kind}, {protocol}) ? \"REACHED\" : $! == {errno} ? \"refused\" : $!+0'"
        )
    };
    let flags = "perl -MSocket -e 'socket($s, AF_INET, SOCK_DGRAM, 0); $b = pack(\"a16s\", \"lo\", 0); print ioctl($s, 0x8914, $b) ? \"REACHED\" : $!+0'";
    let own = "perl -MSocket -e 'socket($l, AF_INET, SOCK_STREAM, 0); bind($l, sockaddr_in(0, INADDR_LOOPBACK)); listen($l, 1);
        socket($s, AF_INET, SOCK_STREAM, 0); print connect($s, getsockname($l)) ? \"works\" : $!'";
    let all = |what: &str, range: &str| {
        format!("perl -e 'for $n ({range}) {{ push @open, $n if socket($s, {what}) }} print \"@open\"'")
    };
    vec![
        prints("every socket family", all("$n, 2, 0", "0..64"), "1 2 10 16"),
        prints("every netlink protocol", all("16, 3, $n", "0..31"), "0"),
        prints("every raw protocol", all("2, 3, $n", "0..255"), ""),
        prints("every packet kind", all("17, $n, 768", "1..10"), ""),
        prints(
            "every family of pairs",
            "perl -e 'for $n (0..64) { push @open, $n if socketpair($a, $b, $n, 1, 0) } print \"@open\"'",
            "1",
        ),
        prints(
            "a pair that would load a module",
            "perl -e 'print socketpair($a, $b, 2, 1, 132) ? \"REACHED\" : $!+0'",
            "97",
        ),
        prints("virtual machine sockets", kinds(40, 1, 0, 97), "refused"),
        prints("kernel crypto sockets", kinds(38, 5, 0, 97), "refused"),
        prints("bluetooth", kinds(31, 3, 0, 97), "refused"),
        prints("protocols that load a module", kinds(2, 1, 132, 97), "refused"),
        prints("the host's loopback", connect(&format!("{port}, INADDR_LOOPBACK")), "111"),
        prints(
            "the host's loopback by IPv6",
            format!(
                "perl -MSocket=:all -e 'socket($s, AF_INET6, SOCK_STREAM, 0); print connect($s, pack_sockaddr_in6({port}, inet_pton(AF_INET6, \"::1\"))) ? \"REACHED\" : \"refused\"'"
            ),
            "refused",
        ),
        prints(
            "a name server",
            "perl -MSocket -e 'socket($s, AF_INET, SOCK_DGRAM, 0); print send($s, \"x\", 0, sockaddr_in(53, inet_aton(\"8.8.8.8\"))) ? \"REACHED\" : $!+0'",
            "101",
        ),
        prints("the machine's metadata", connect("80, inet_aton(\"169.254.169.254\")"), "101"),
        prints("the world", connect("443, inet_aton(\"1.1.1.1\")"), "101"),
        fails("names of the world", "getent hosts example.com"),
        prints("changing an interface", flags, "1"),
        prints("the sandbox's own loopback", own, "works"),
    ]
}

/// Sockets of the host by name.
fn host_sockets(place: &Place, abstract_name: &str) -> Vec<Probe> {
    let path = place.path("socket").display().to_string();
    let connect = |name: &str| {
        format!(
            "perl -MSocket -e 'socket($s, AF_UNIX, SOCK_STREAM, 0); print connect($s, pack(\"Sa*\", AF_UNIX, \"{name}\")) ? \"REACHED\" : $!+0'"
        )
    };
    vec![
        prints("a host socket in a folder", connect(&path), "2"),
        prints("a host socket in a root", connect(&place.path("root/service").display().to_string()), "13"),
        prints("an abstract host socket", connect(&format!("\\0{abstract_name}")), "111"),
        prints("an abstract socket inside",
            "perl -MSocket -e '$n = pack(\"Sa*\", AF_UNIX, \"\\0own\"); socket($l, AF_UNIX, SOCK_STREAM, 0); bind($l, $n); listen($l, 1);
             socket($s, AF_UNIX, SOCK_STREAM, 0); print connect($s, $n) ? \"works\" : $!'", "works"),
    ]
}

fn verdict(expected: &Expected, ran: &Ran) -> Result<(), String> {
    let reached = ran.text.contains("REACHED") || ran.text.contains(CANARY);
    let right = match expected {
        Fails => ran.code != Some(0),
        Prints(text) => ran.text == *text,
    };
    if right && !reached { Ok(()) } else { Err(format!("{:?}: {}", ran.code, ran.text)) }
}

fn every_probe_is_blocked(who: Who) {
    let (count, wrong) = run_as(who, async move || {
        let place = Place::new(who);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let name = format!("quantum-probe-{}-{who:?}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let _abstract = UnixListener::bind_addr(&address).unwrap();
        let _socket = UnixListener::bind(place.path("socket"));
        let _service = UnixListener::bind(place.path("root/service"));
        // A descriptor that some library left open.
        let leak = std::fs::File::open(place.path("canary")).unwrap();
        rustix::io::fcntl_setfd(&leak, rustix::io::FdFlags::empty()).unwrap();
        let mut probes = files(&place);
        probes.extend(mounts());
        probes.extend(processes());
        probes.extend(sockets(listener.local_addr().unwrap().port()));
        probes.extend(host_sockets(&place, &name));
        probes.extend(super::calls::calls());
        let mut toolbox = place.sandbox.start(&place.policy()).await.unwrap();
        let mut wrong = Vec::new();
        for (name, command, expected) in &probes {
            let ran = shell(&mut toolbox, command).await.unwrap();
            if let Err(why) = verdict(expected, &ran) {
                wrong.push(format!("{name}: {why}"));
            }
        }
        toolbox.end().await;
        (probes.len(), wrong)
    });
    eprintln!("{} of {count} probes blocked as {who:?}", count - wrong.len());
    assert_eq!(wrong, Vec::<String>::new());
    assert!(count >= 45);
}

#[test]
fn every_probe_is_blocked_for_whoever_runs_it() {
    every_probe_is_blocked(Who::Us);
}

#[test]
fn every_probe_is_blocked_for_an_ordinary_user() {
    if !root() {
        eprintln!("skipped: the other test already runs as an ordinary user");
        return;
    }
    every_probe_is_blocked(Who::Ordinary);
}
