//! The walls must not be in the way of real toolchains: those that are found on this machine, offline, as whoever runs the
//! tests and as an ordinary user. What a machine lacks is skipped, and that is said.

use super::place::{Place, Ran, Who, root, run_as, shell, shell_within};
use quantumlayer::config::env::Env;
use quantumlayer::sandbox::Policy;
use quantumlayer::sandbox::roots::{HostFacts, discover};
use std::path::Path;
use std::time::Duration;

/// Shows what `quantum run` would: the toolchains that this test's own environment means, as far as this user may see them.
fn furnish(place: &Place, policy: &mut Policy) {
    let env = Env::of_process().all().clone();
    let found = discover(&HostFacts { env, data: place.path("data"), extra: Vec::new() });
    // The toolchain that builds this test, which may be on no path.
    let cargo = Path::new(env!("CARGO")).parent().unwrap_or(Path::new("/"));
    let seen = |path: &&Path| std::fs::read_dir(path).is_ok();
    let own = cargo.parent().filter(|root| seen(root) && root.parent().is_some());
    policy.read.extend(own.map(Path::to_owned));
    policy.read.extend(found.read.into_iter().filter(|path| seen(&path.as_path())));
    for (name, mut value) in found.env {
        if name == "PATH" {
            value = format!("{value}:{}:/usr/local/bin:/usr/bin:/bin", cargo.display());
        }
        policy.env.push((name, value));
    }
    policy.bounds.processes = 1024;
    policy.bounds.memory_bytes = 4 << 30;
    policy.bounds.tmp_bytes = 1 << 30;
}

fn ran(who: Who, tool: &'static str, command: &'static str) -> Option<Ran> {
    run_as(who, async move || {
        let place = Place::new(who);
        let mut policy = place.policy();
        furnish(&place, &mut policy);
        let mut toolbox = place.sandbox.start(&policy).await.unwrap();
        if shell(&mut toolbox, &format!("{tool} > /dev/null 2>&1")).await.unwrap().code != Some(0) {
            eprintln!(
                "skipped as {who:?}: no `{tool}` among the programs of this machine that this user may see"
            );
            return None;
        }
        // a cold cache on a busy machine
        let ran = shell_within(&mut toolbox, command, Duration::from_secs(300)).await.unwrap();
        toolbox.end().await;
        Some(ran)
    })
}

/// `tool` is a command that succeeds where the tool is there.
fn works(tool: &'static str, command: &'static str, expected: &str) {
    for who in [Who::Us, Who::Ordinary] {
        if who == Who::Ordinary && !root() {
            continue;
        }
        let Some(ran) = ran(who, tool, command) else { continue };
        assert!(
            ran.code == Some(0) && ran.text.ends_with(expected),
            "{who:?} {expected}: {:?}\n{}",
            ran.code,
            ran.text
        );
        eprintln!("worked as {who:?}: {tool}");
    }
}

/// A project's `bin` on `PATH` (direnv's `PATH_add bin` does that) opens nothing else of the project.
#[test]
fn what_lies_beside_a_folder_of_programs_is_not_seen() {
    let ran = run_as(Who::Us, async || {
        let place = Place::new(Who::Us);
        for folder in ["app/bin", "app/conf", "app/lib"] {
            std::fs::create_dir_all(place.path(folder)).unwrap();
        }
        place.script("app/bin/greet", "#!/bin/sh\necho greeted\n");
        for secret in ["app/conf/prod.yml", "app/lib/secret", "app/.env", "app/notes"] {
            std::fs::write(place.path(secret), super::place::CANARY).unwrap();
        }
        let (app, home) = (place.path("app").display().to_string(), place.path("home").display().to_string());
        let env = [("PATH".to_owned(), format!("{app}/bin:/usr/bin:/bin")), ("HOME".to_owned(), home)];
        let found = discover(&HostFacts { env: env.into(), data: place.path("data"), extra: Vec::new() });
        let mut policy = place.policy();
        policy.read.extend(found.read);
        policy.env.push(("PATH".to_owned(), format!("{app}/bin:/usr/bin:/bin")));
        let mut toolbox = place.sandbox.start(&policy).await.unwrap();
        let command = format!("greet; ls -A {app}; cat {app}/*/* {app}/.env {app}/notes 2>/dev/null");
        let ran = shell(&mut toolbox, &command).await.unwrap();
        toolbox.end().await;
        ran
    });
    assert!(
        ran.text.starts_with("greeted\nbin\n") && !ran.text.contains(super::place::CANARY),
        "{}",
        ran.text
    );
}

#[test]
fn cargo_builds_and_tests() {
    let command = "cargo init -q --lib --vcs none --name sample && cargo test -q -j2 2>&1 && cargo build -q && echo built";
    works("cargo --version", command, "built");
}

#[test]
fn python_locks_and_pools() {
    let command = "cat > t.py <<'E'\nimport multiprocessing as m, socket, tempfile, os\ndef f(x): return x * x\nif __name__ == '__main__':\n \
        m.Lock(); print(sum(m.Pool(2).map(f, range(4))))\n s = socket.socket(); s.bind(('127.0.0.1', 0)); tempfile.mkdtemp()\n \
        assert os.access(os.environ['HOME'], os.W_OK)\n print('locked')\nE\npython3 t.py";
    works("python3 --version", command, "14\nlocked");
}

#[test]
fn pytest_with_locks() {
    let command = "cat > test_locks.py <<'E'\nimport multiprocessing as m, threading, asyncio\nfrom multiprocessing import shared_memory\n\
        def add(lock, total):\n    for _ in range(100):\n        with lock: total.value += 1\n\
        def square(x): return x * x\n\
        def test_processes():\n    lock, total = m.Lock(), m.Value('i', 0, lock=False)\n    all = [m.Process(target=add, args=(lock, total)) for _ in range(3)]\n    \
            [p.start() for p in all]; [p.join() for p in all]\n    assert total.value == 300\n\
        def test_pool_queue_and_manager(tmp_path):\n    with m.Pool(2) as pool: assert pool.map(square, [1, 2, 3]) == [1, 4, 9]\n    \
            queue = m.Queue(); queue.put(1); assert queue.get(timeout=20) == 1\n    \
            with m.Manager() as manager: assert manager.dict(a=1)['a'] == 1\n    (tmp_path / 'x').write_text('x')\n\
        def test_semaphores_and_memory():\n    m.BoundedSemaphore(2).acquire(); m.Condition(); m.Event(); m.Barrier(1).wait()\n    \
            part = shared_memory.SharedMemory(create=True, size=4096); part.buf[0] = 7; part.close(); part.unlink()\n\
        def test_spawned():\n    assert m.get_context('spawn').Pool(1).apply(abs, (-1,)) == 1\n    asyncio.run(asyncio.sleep(0))\n\
        E\npytest -q -p no:cacheprovider test_locks.py 2>&1 | sed 's/ in .*//'";
    works("pytest --version", command, "4 passed");
}

#[test]
fn node_runs_wasm_and_workers() {
    let command = "cat > t.js <<'E'\nconst w = new WebAssembly.Memory({ initial: 10, maximum: 1000, shared: true });\n\
        const { Worker } = require('worker_threads');\nnew Worker('1', { eval: true }).on('exit', () => {\n\
        require('http').createServer((_, r) => r.end('served')).listen(0, '127.0.0.1', function () {\n\
        require('http').get({ port: this.address().port, host: '127.0.0.1' }, r => r.on('data', d => { console.log(w.buffer.byteLength + ' ' + d); process.exit() })) }) })\nE\nnode t.js";
    works("node --version", command, "655360 served");
}

#[test]
fn npm_installs_from_a_cache_and_tests() {
    let command = "mkdir dep && cd dep && echo '{\"name\":\"dep\",\"version\":\"1.0.0\"}' > package.json && echo 'module.exports = 42' > index.js && \
        npm pack --silent > /dev/null && cd .. && npm cache add ./dep/dep-1.0.0.tgz && \
        echo '{\"name\":\"sample\",\"version\":\"1.0.0\",\"dependencies\":{\"dep\":\"file:dep/dep-1.0.0.tgz\"},\"scripts\":{\"test\":\"node --test sample.test.js\"}}' > package.json && \
        echo \"const t = require('node:test'), a = require('node:assert'); t('dep', () => a.equal(require('dep'), 42))\" > sample.test.js && \
        npm install --package-lock-only --silent && npm ci --silent && test -f node_modules/dep/index.js && npm test --silent | grep -E '^(# |ℹ )pass' | tr -d '#ℹ '";
    works("npm --version", command, "pass1");
}

#[test]
fn git_commits() {
    let command = "git init -q r && cd r && echo a > a && git add a && git -c user.name=n -c user.email=e@x commit -qm first && git log --format=%s";
    works("git --version", command, "first");
}

#[test]
fn make_and_the_c_compiler() {
    let command = "printf 'int main(void) { return 0; }' > a.c && printf 'all: a b\\na: a.c\\n\\tcc -o a a.c\\nb: a\\n\\t./a && echo made\\n' > Makefile && make -j2 -s";
    works("make --version && cc --version", command, "made");
}

#[test]
fn go_builds_and_tests() {
    let command = "cat > a.go <<'E'\npackage main\nimport \"net\"\nfunc main() { l, e := net.Listen(\"tcp\", \"127.0.0.1:0\"); if e != nil { panic(e) }; l.Close(); println(\"gone\") }\nE\n\
        cat > a_test.go <<'E'\npackage main\nimport \"testing\"\nfunc TestMain_(t *testing.T) { main() }\nE\n\
        cat > go.mod <<'E'\nmodule sample\ngo 1.20\nE\ngo vet ./... && go test ./... 2>&1 | cut -c1-2 | tail -1 && go run . 2>&1";
    works("go version", command, "ok\ngone");
}
