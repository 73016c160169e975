//! Fifty thousand files, as real repositories have them. Times are printed, not judged.

use super::{World, author, fed, put};
use std::{fmt::Write as _, fs, time::Instant};

const FILES: usize = 50_000;

#[test]
fn fifty_thousand_files() {
    let world = World::empty();
    let mut stream =
        "commit refs/heads/main\ncommitter A <a@localhost> 1700000000 +0000\ndata 1\nx\n".to_owned();
    for n in 0..FILES {
        let text = format!("file {n}\n");
        write!(stream, "M 100644 inline d{}/e{}/f{n}.txt\ndata {}\n{text}\n", n / 5_000, n / 100, text.len())
            .unwrap();
    }
    super::text(&fed(&world.repo(), &["fast-import", "--quiet"], stream.as_bytes()));
    world.git(&["read-tree", "main"]);
    let (source, out) = (world.source(), world.at("out"));
    let mut at = Instant::now();
    let mut say = |what: &str| {
        println!("{what:<12} {:>6} ms", at.elapsed().as_millis());
        at = Instant::now();
    };
    let base = source.base(None).unwrap();
    say("base");
    assert_eq!(source.paths(&base.tree).unwrap().len(), FILES);
    say("paths");
    source.checkout(&base.tree, &out, None).unwrap();
    say("checkout");
    put(&out, "d3/e170/f17042.txt", b"changed\n");
    fs::remove_file(out.join("d9/e499/f49999.txt")).unwrap();
    say("edit");
    let tree = source.tree_of(&out, &base.tree, &[]).unwrap();
    say("tree_of");
    let changes = source.changes(&base.tree, &tree).unwrap();
    say("changes");
    let head = source.commit(&tree, &base.commit, "x", &author(), 1).unwrap();
    source.publish("x", &head, None).unwrap();
    say("publish");
    assert_eq!(changes.len(), 2);
    assert_eq!(
        world.git(&["diff", "--shortstat", "main", "x"]),
        " 2 files changed, 1 insertion(+), 2 deletions(-)"
    );
    say("git diff");
    assert_eq!(
        super::Source::open(&world.repo(), &world.at("data"))
            .unwrap()
            .tree_of(&out, &base.tree, &[])
            .unwrap(),
        tree
    );
    say("tree_of, all read");
}
