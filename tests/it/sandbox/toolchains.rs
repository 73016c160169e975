//! The walls must not be in the way of real toolchains.

use super::place::{Place, Who, run_as, shell};
use std::path::Path;

fn works(tool: &str, command: &str, expected: &str) {
    // The toolchain that builds this test: a root like those found on a host.
    let cargo = Path::new(env!("CARGO"));
    let (tool, command) = (tool.to_owned(), command.to_owned());
    let ran = run_as(Who::Us, async move || {
        let place = Place::new(Who::Us);
        let mut policy = place.policy();
        policy.bounds.processes = 512;
        policy.bounds.memory_bytes = 4 << 30;
        if let Some(bin) = cargo.parent() {
            policy.read.extend(bin.parent().map(Path::to_owned));
            policy.env.push(("PATH".to_owned(), format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display())));
        }
        let mut toolbox = place.sandbox.start(&policy).await.unwrap();
        if shell(&mut toolbox, &format!("command -v {tool}")).await.unwrap().code != Some(0) {
            eprintln!("skipped: there is no {tool} among this machine's programs");
            return None;
        }
        let ran = shell(&mut toolbox, &command).await.unwrap();
        toolbox.end().await;
        Some(ran)
    });
    if let Some(ran) = ran {
        assert!(
            ran.code == Some(0) && ran.text.ends_with(expected),
            "{expected}: {:?}\n{}",
            ran.code,
            ran.text
        );
    }
}

#[test]
fn cargo_builds_and_tests() {
    let command = "cargo init -q --lib --vcs none --name sample && cargo test -q -j2 2>&1 && cargo build -q && echo built";
    works("cargo", command, "built");
}

#[test]
fn python_locks_and_pools() {
    let command = "cat > t.py <<'E'\nimport multiprocessing as m, socket, tempfile, os\ndef f(x): return x * x\nif __name__ == '__main__':\n \
        m.Lock(); print(sum(m.Pool(2).map(f, range(4))))\n s = socket.socket(); s.bind(('127.0.0.1', 0)); tempfile.mkdtemp()\n \
        assert os.access(os.environ['HOME'], os.W_OK)\n print('locked')\nE\npython3 t.py";
    works("python3", command, "14\nlocked");
}

#[test]
fn node_runs_wasm_and_workers() {
    let command = "cat > t.js <<'E'\nconst w = new WebAssembly.Memory({ initial: 10, maximum: 1000, shared: true });\n\
        const { Worker } = require('worker_threads');\nnew Worker('1', { eval: true }).on('exit', () => {\n\
        require('http').createServer((_, r) => r.end('served')).listen(0, '127.0.0.1', function () {\n\
        require('http').get({ port: this.address().port, host: '127.0.0.1' }, r => r.on('data', d => { console.log(w.buffer.byteLength + ' ' + d); process.exit() })) }) })\nE\nnode t.js";
    works("node", command, "655360 served");
}

#[test]
fn git_commits() {
    let command = "git init -q r && cd r && echo a > a && git add a && git -c user.name=n -c user.email=e@x commit -qm first && git log --format=%s";
    works("git", command, "first");
}

#[test]
fn make_and_the_c_compiler() {
    let command = "printf 'int main(void) { return 0; }' > a.c && printf 'all: a b\\na: a.c\\n\\tcc -o a a.c\\nb: a\\n\\t./a && echo made\\n' > Makefile && make -j2 -s";
    works("cc", command, "made");
}

#[test]
fn go_builds() {
    let command = "cat > a.go <<'E'\npackage main\nimport \"net\"\nfunc main() { l, e := net.Listen(\"tcp\", \"127.0.0.1:0\"); if e != nil { panic(e) }; l.Close(); println(\"gone\") }\nE\ngo run a.go";
    works("go", command, "gone");
}
