//! Servers and networks that mean us no good, or do us none: each fetch ends, soon, and leaves nothing behind.

use super::server::{Fault, Net, TOKEN, listen, noise};
use axum::{Router, http::StatusCode};
use quantumlayer::{
    git::{Caps, GitError, Want},
    report::{Class, Hint},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio_util::sync::CancellationToken;

const REFS: &str = "info/refs";
const PACK: &str = "git-upload-pack";
/// Questions of a first fetch by branch before the one that the pack answers: the branch, where history ends.
const BEFORE_PACK: usize = 2;
/// Time that is soon over, and long enough for a busy machine to answer.
const SOON: Duration = Duration::from_millis(1_500);

/// The fetch fails so; nothing is left of it, and the next one works.
fn check(net: &Net, caps: &Caps, expected: &str) {
    let mirror = net.mirror();
    let error = net.fetch_with(&mirror, Want::Head, caps).expect_err(expected);
    assert_eq!(error.code(), expected, "{error:?}");
    assert!(!format!("{error:?}").contains(TOKEN));
    assert!(net.is_clean(mirror.folder()), "{error:?}");
    net.server.heal();
    assert_eq!(net.fetch(&mirror, Want::Head).unwrap(), net.world.rev("HEAD"));
    super::git(mirror.folder(), &["fsck", "--full", "--strict"]);
    std::fs::remove_dir_all(mirror.folder()).unwrap();
}

#[test]
fn more_than_may_come_is_refused() {
    let net = Net::new(&[("a", &noise(1, 600_000)), ("b", &noise(2, 100)), ("c", &noise(3, 100))]);
    check(&net, &Caps { bytes: 300_000, ..Caps::default() }, "fetch_too_big");
    // three files, their folder, the commit
    check(&net, &Caps { objects: 4, ..Caps::default() }, "fetch_too_big");
    let mirror = net.mirror();
    net.fetch_with(&mirror, Want::Head, &Caps { objects: 5, ..Caps::default() }).unwrap();
    let error = net.fetch_with(&net.mirror_at("other"), Want::Head, &Caps { bytes: 10, ..Caps::default() });
    assert_eq!(error.unwrap_err().to_string(), "the fetch is over the limit of 10 bytes");
}

/// A pack in git's side band, behind the answer to what we have.
fn in_band(pack: &[u8]) -> Vec<u8> {
    let mut all = b"0008NAK\n".to_vec();
    for part in pack.chunks(60_000) {
        all.extend(format!("{:04x}\x01", part.len() + 5).as_bytes());
        all.extend(part);
    }
    all.extend(b"0000");
    all
}

#[test]
fn a_pack_that_announces_billions_of_objects_is_refused() {
    let net = Net::new(&[("a", "a")]);
    for count in [u32::MAX, 1_000_000] {
        let pack = [&b"PACK\0\0\0\x02"[..], &count.to_be_bytes(), &[0x30; 64]].concat();
        net.server.fault(PACK, BEFORE_PACK, Fault::Instead("", in_band(&pack)));
        check(&net, &Caps::default(), "fetch_too_big");
    }
}

#[test]
fn silence_and_cuts_end_at_a_bound() {
    let net = Net::new(&[("a", &noise(1, 600_000))]);
    let caps = Caps { silence: SOON, ..Caps::default() };
    for (end, pass) in [(REFS, 0), (PACK, 0), (PACK, 1), (PACK, BEFORE_PACK)] {
        for after in [0, 3, 60_000] {
            for fault in [Fault::Cut(after), Fault::Short(after)] {
                net.server.fault(end, pass, fault.clone());
                let mirror = net.mirror();
                let done = net.fetch_with(&mirror, Want::Head, &caps);
                // a short answer that was shorter anyway does no harm
                if after < 60_000 || (end, pass) == (PACK, BEFORE_PACK) {
                    let error = done.unwrap_err();
                    assert_eq!(error.class(), Class::Transient, "{end} {fault:?}: {error:?}");
                    assert!(net.is_clean(mirror.folder()), "{end} {fault:?}");
                }
                net.server.heal();
                std::fs::remove_dir_all(mirror.folder()).unwrap();
            }
        }
    }
    for (end, pass, after) in [(REFS, 0, 5), (PACK, 0, 0), (PACK, BEFORE_PACK, 100_000)] {
        net.server.fault(end, pass, Fault::Stall(after));
        check(&net, &caps, "unreachable");
    }
    // as long as something comes it is not silent, but time runs out
    net.server.fault(PACK, BEFORE_PACK, Fault::Stall(100_000));
    check(&net, &Caps { time: SOON, ..Caps::default() }, "unreachable");
    let mut nobody = net.remote("acme/widgets", Some(TOKEN), Want::Head);
    nobody.url = "http://127.0.0.1:1/a/b.git".to_owned();
    let error = net.mirror().fetch(&nobody, &caps, &CancellationToken::new()).unwrap_err();
    assert!(matches!(&error, GitError::Unreachable(why) if !why.contains("a/b.git")), "{error:?}");
}

#[test]
fn a_fetch_can_be_cancelled_at_any_time() {
    let net = Net::new(&[("a", &noise(1, 600_000))]);
    for (end, pass, after) in
        [(REFS, 0, 5), (PACK, 0, 0), (PACK, BEFORE_PACK, 0), (PACK, BEFORE_PACK, 100_000)]
    {
        net.server.fault(end, pass, Fault::Stall(after));
        let (mirror, cancel) = (net.mirror(), CancellationToken::new());
        net.server.on_stall(cancel.clone());
        let remote = net.remote("acme/widgets", Some(TOKEN), Want::Head);
        let error = mirror.fetch(&remote, &Caps::default(), &cancel).unwrap_err();
        assert!(matches!(error, GitError::Cancelled), "{error:?}");
        assert!(net.is_clean(mirror.folder()));
        // and one that waits for its turn, or has not begun
        assert!(matches!(mirror.fetch(&remote, &Caps::default(), &cancel), Err(GitError::Cancelled)));
        net.server.heal();
        std::fs::remove_dir_all(mirror.folder()).unwrap();
    }
}

#[test]
fn a_token_stays_on_its_host() {
    let net = Net::new(&[("a", "a")]);
    let asked = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&asked);
    let other = listen(
        &net.runtime,
        Router::new().fallback(move || {
            count.fetch_add(1, Ordering::SeqCst);
            async { StatusCode::OK }
        }),
    );
    let tail = "info/refs?service=git-upload-pack";
    for (end, pass, status) in
        [(REFS, 0, 301), (REFS, 0, 302), (REFS, 0, 307), (PACK, 0, 307), (PACK, BEFORE_PACK, 308)]
    {
        net.server.fault(end, pass, Fault::Redirect(status, format!("{other}/acme/widgets.git/{tail}")));
        check(&net, &Caps::default(), "redirected");
    }
    net.server.fault(REFS, 0, Fault::Redirect(301, format!("http://x:y@{}/a.git/{tail}", &net.base[7..])));
    check(&net, &Caps::default(), "redirected");
    assert_eq!(asked.load(Ordering::SeqCst), 0, "nobody else was asked");
    for to in
        ["/somewhere", "", "/acme/renamed.git/info/refs", "http://[", "/acme/renamed.git/info/refs?service=x"]
    {
        net.server.fault(REFS, 0, Fault::Redirect(301, to.to_owned()));
        check(&net, &Caps::default(), "not_git");
    }
    net.server.fault(REFS, 0, Fault::Redirect(301, format!("/acme/widgets.git/{tail}")));
    let before = net.server.asked();
    let error = net.fetch(&net.mirror(), Want::Head).unwrap_err();
    assert!(matches!(error, GitError::Garbled(_)), "{error:?}");
    assert_eq!(net.server.asked() - before, 4, "a loop ends");
}

#[test]
fn a_renamed_repository_is_found_on_the_same_host() {
    let net = Net::new(&[("a", "a")]);
    let to = format!("{}/acme/renamed.git/info/refs?service=git-upload-pack", net.base);
    net.server.fault("widgets.git/info/refs", 0, Fault::Redirect(301, to));
    net.fetch(&net.mirror(), Want::Head).unwrap();
    let asked: Vec<_> = net.log.take().into_iter().map(|served| served.what).collect();
    assert!(asked.iter().all(|what| what.contains("/acme/renamed.git/")), "{asked:?}");
}

#[test]
fn answers_that_git_never_gives_are_refused() {
    let net = Net::new(&[("a", "a")]);
    let head = net.world.rev("HEAD");
    let refs = |text: &str| {
        let mut all = b"001e# service=git-upload-pack\n0000".to_vec();
        all.extend(format!("{:04x}{text}0000", text.len() + 4).as_bytes());
        all
    };
    let adverts = [
        b"".to_vec(),
        b"<html>a proxy's page</html>".to_vec(),
        b"0000".to_vec(),
        b"001e# service=git-upload-pack\n0000".to_vec(),
        b"zzzz".to_vec(),
        b"0003".to_vec(),
        b"ffff".to_vec(),
        vec![0xff; 70_000],
        refs("nothing\n"),
        refs(&format!("{head}\n")),
        refs(&format!("{} HEAD\0shallow side-band-64k\n", "z".repeat(40))),
        refs(&format!("{head} HEAD\0agent=x object-format=sha256")),
        refs(&format!("{head} HEAD\n")),
        b"000eversion 2\n0019object-format=sha256\n0000".to_vec(),
    ];
    for advert in adverts {
        net.server.fault(REFS, 0, Fault::Instead("", advert.clone()));
        let shown = advert[..advert.len().min(60)].escape_ascii().to_string();
        let mirror = net.mirror();
        let error = net.fetch(&mirror, Want::Head).expect_err(&shown);
        assert!(matches!(error, GitError::Garbled(_) | GitError::NoSuchCommit(_)), "{shown}: {error:?}");
        net.server.heal();
    }
    net.server.fault(REFS, 0, Fault::Instead("text/html", b"<html>".to_vec()));
    check(&net, &Caps::default(), "not_git");
    net.server.fault(REFS, 0, Fault::Status(418));
    check(&net, &Caps::default(), "not_git");
    let said = "ERR no \x1b[2J such\tthing";
    let packet = format!("{:04x}{said}", said.len() + 4).into_bytes();
    for end in [REFS, PACK] {
        net.server.fault(end, 0, Fault::Instead("", packet.clone()));
        let error = net.fetch(&net.mirror(), Want::Head).unwrap_err();
        assert!(error.to_string().ends_with("no  [2J such thing"), "{error}");
        net.server.heal();
    }
}

#[test]
fn packs_that_are_none_are_refused() {
    let net = Net::new(&[("a", "a")]);
    let pack = |objects: u32, rest: &[u8]| [&b"PACK\0\0\0\x02"[..], &objects.to_be_bytes(), rest].concat();
    let packs = [
        b"".to_vec(),
        b"not a pack at all, but long enough for a head".to_vec(),
        pack(1, b""),
        pack(1, &[0xff; 200]),
        pack(0, &[0; 20]),
        [&b"PACK\0\0\0\x09"[..], &[0; 40]].concat(),
        foreign(&net),
    ];
    for pack in packs {
        net.server.fault(PACK, BEFORE_PACK, Fault::Instead("", in_band(&pack)));
        let mirror = net.mirror();
        let error = net.fetch(&mirror, Want::Head).expect_err(&pack.escape_ascii().to_string());
        assert!(matches!(error, GitError::Garbled(_)), "{error:?}");
        net.server.heal();
        assert_eq!(net.fetch(&mirror, Want::Head).unwrap(), net.world.rev("HEAD"));
        std::fs::remove_dir_all(mirror.folder()).unwrap();
    }
    for raw in [&b"0008NAK\n0009\x03no\n"[..], b"0008NAK\n", b"PACK", b"0008NAK\n0005\x010000"] {
        net.server.fault(PACK, BEFORE_PACK, Fault::Instead("", raw.to_vec()));
        let error = net.fetch(&net.mirror(), Want::Head).expect_err(&raw.escape_ascii().to_string());
        assert_eq!(error.class(), Class::Transient, "{error:?}");
        net.server.heal();
    }
}

/// A whole pack, of somebody else's commit.
fn foreign(net: &Net) -> Vec<u8> {
    net.world.git(&["checkout", "-q", "--orphan", "foreign"]);
    net.world.write("a", "something else");
    let head = net.world.commit_all("foreign");
    let out = super::super::fed(
        &net.world.repo(),
        &["pack-objects", "--revs", "--stdout", "-q"],
        head.as_str().as_bytes(),
    );
    net.world.git(&["checkout", "-q", "main"]);
    out.stdout
}
