//! The probe list: each is a command that a hostile model or repository could run, with the only outcome that is right.

use super::place::{CANARY, Place, Ran, Who, root, run_as, shell};
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

/// What must come of a probe.
enum Expected {
    /// It fails, and neither reached anything nor shows the canary.
    Fails,
    /// It prints exactly this.
    Prints(String),
}
use Expected::{Fails, Prints};

type Probe = (&'static str, String, Expected);

fn fails(name: &'static str, command: impl Into<String>) -> Probe {
    (name, command.into(), Fails)
}

fn prints(name: &'static str, command: impl Into<String>, text: impl Into<String>) -> Probe {
    (name, command.into(), Prints(text.into()))
}

/// A system call by number: prints the error's number, or that it was let through.
fn call(name: &'static str, number: libc::c_long, arguments: &str, errno: i32) -> Probe {
    // Perl hands over strings only from variables.
    let texts = arguments.split('"').skip(1).step_by(2).map(|text| format!("\"{text}\"")).collect::<Vec<_>>();
    let arguments = arguments.split('"').enumerate().map(|(at, part)| match at % 2 {
        0 => part.to_owned(),
        _ => format!("$t[{}]", at / 2),
    });
    let (texts, arguments) = (texts.join(", "), arguments.collect::<String>());
    let command = format!(
        "perl -e '@t = ({texts}); $r = syscall({number}, {arguments}); print $r < 0 ? $!+0 : \"REACHED\"'"
    );
    prints(name, command, errno.to_string())
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
        prints("virtual machine sockets", kinds(40, 1, 0, 97), "refused"),
        prints("kernel crypto sockets", kinds(38, 5, 0, 97), "refused"),
        prints("bluetooth", kinds(31, 3, 0, 97), "refused"),
        prints("protocols that load a module", kinds(2, 1, 132, 97), "refused"),
        prints("the host's loopback", connect(&format!("{port}, INADDR_LOOPBACK")), "111"),
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
        prints("an abstract host socket", connect(&format!("\\0{abstract_name}")), "111"),
        prints("an abstract socket inside",
            "perl -MSocket -e '$n = pack(\"Sa*\", AF_UNIX, \"\\0own\"); socket($l, AF_UNIX, SOCK_STREAM, 0); bind($l, $n); listen($l, 1);
             socket($s, AF_UNIX, SOCK_STREAM, 0); print connect($s, $n) ? \"works\" : $!'", "works"),
    ]
}

#[rustfmt::skip]
fn calls() -> Vec<Probe> {
    let (eperm, enosys) = (libc::EPERM, libc::ENOSYS);
    vec![
        call("a user namespace", libc::SYS_unshare, "0x10000000", eperm),
        call("a mount namespace", libc::SYS_unshare, "0x20000", eperm),
        call("a user namespace by clone", libc::SYS_clone, "0x10000011, 0, 0, 0, 0", eperm),
        call("clone3", libc::SYS_clone3, "0, 0", enosys),
        call("another's namespace", libc::SYS_setns, "0, 0", eperm),
        fails("unshare", "unshare -U true"),
        call("mount", libc::SYS_mount, "\"none\", \"/tmp\", \"tmpfs\", 0, 0", eperm),
        fails("making /usr writable", "mount -o remount,rw,bind /usr"),
        call("unmount", libc::SYS_umount2, "\"/proc\", 2", eperm),
        call("the new mount calls", libc::SYS_fsopen, "\"tmpfs\", 0", eperm),
        call("a mount's copy", libc::SYS_open_tree, "-100, \"/\", 1", eperm),
        call("mount attributes", libc::SYS_mount_setattr, "-100, \"/\", 0, 0, 0", eperm),
        call("another root", libc::SYS_chroot, "\"/tmp\"", eperm),
        call("pivot_root", libc::SYS_pivot_root, "\"/tmp\", \"/tmp\"", eperm),
        call("files by handle", libc::SYS_open_by_handle_at, "-100, 0, 0", eperm),
        call("ptrace", libc::SYS_ptrace, "0, 0, 0, 0", eperm),
        call("attaching to the toolbox", libc::SYS_ptrace, "16, 2, 0, 0", eperm),
        call("another's memory", libc::SYS_process_vm_readv, "2, 0, 0, 0, 0, 0", eperm),
        call("another's descriptors", libc::SYS_pidfd_getfd, "0, 0, 0", eperm),
        call("bpf", libc::SYS_bpf, "0, 0, 0", eperm),
        call("perf", libc::SYS_perf_event_open, "0, 0, 0, 0, 0", eperm),
        call("userfaultfd", libc::SYS_userfaultfd, "0", eperm),
        call("io_uring", libc::SYS_io_uring_setup, "1, 0", enosys),
        call("adding a key", libc::SYS_add_key, "\"user\", \"x\", \"x\", 1, -3", eperm),
        call("reading keys", libc::SYS_keyctl, "0, -3, 0", eperm),
        call("asking for a key", libc::SYS_request_key, "\"user\", \"x\", 0, 0", eperm),
        call("another kernel", libc::SYS_kexec_load, "0, 0, 0, 0", eperm),
        call("a kernel module", libc::SYS_init_module, "0, 0, \"\"", eperm),
        call("reboot", libc::SYS_reboot, "0, 0, 0, 0", eperm),
        call("swap", libc::SYS_swapon, "\"/tmp/x\", 0", eperm),
        call("kernel log", libc::SYS_syslog, "3, 0, 0", eperm),
        call("the clock", libc::SYS_settimeofday, "0, 0", eperm),
        call("the host's name", libc::SYS_sethostname, "\"x\", 1", eperm),
        call("secret memory", libc::SYS_memfd_secret, "0", eperm),
        call("an old personality", libc::SYS_personality, "0x0400000", eperm),
        call("typing into a terminal", libc::SYS_ioctl, "0, 0x5412, \"x\"", eperm),
        call("a call of tomorrow", 500, "0", enosys),
        call("a call of the x32 kind", 0x4000_0000 + 39, "0", enosys),
        call("becoming root", libc::SYS_setuid, "0", libc::EINVAL),
        call("groups", libc::SYS_setgroups, "0, 0", eperm),
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
        // A descriptor that some library left open.
        let leak = std::fs::File::open(place.path("canary")).unwrap();
        rustix::io::fcntl_setfd(&leak, rustix::io::FdFlags::empty()).unwrap();
        let mut probes = files(&place);
        probes.extend(processes());
        probes.extend(sockets(listener.local_addr().unwrap().port()));
        probes.extend(host_sockets(&place, &name));
        probes.extend(calls());
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
