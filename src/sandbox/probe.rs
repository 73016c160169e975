//! What `quantum doctor` says of the sandbox: a real start in an empty folder, one line a wall.

use super::{
    Bounds, Kind, Policy, Probe, Sandbox, SandboxError,
    spawn::{Started, attempt},
    walls::{Facts, Missing, Wall, not_given},
};
use crate::report::Hint;
use std::path::Path;
use std::time::Duration;

pub(super) async fn probe(sandbox: &Sandbox) -> Vec<Probe> {
    if sandbox.kind == Kind::DangerHost {
        let hint = "danger-host: no walls at all; commands can read and change whatever you can".to_owned();
        return vec![Probe { name: "sandbox: none".to_owned(), ok: true, hint: Some(hint) }];
    }
    match started(sandbox).await {
        Ok(Started::Ready { toolbox, landlock }) => {
            let memory = toolbox.memory_bound();
            toolbox.end().await;
            let mut probes: Vec<Probe> = Wall::ALL.iter().map(|wall| stands(*wall, landlock)).collect();
            probes.push(Probe {
                name: "sandbox: memory bound".to_owned(),
                ok: true,
                hint: Some(format!("by {memory}")),
            });
            probes
        }
        Ok(Started::Missing(walls)) => missing(&walls, &Facts::read()),
        Err(error) => {
            let hint = format!("{error}; {}", error.hint());
            vec![Probe { name: "sandbox: start".to_owned(), ok: false, hint: Some(hint) }]
        }
    }
}

async fn started(sandbox: &Sandbox) -> Result<Started, SandboxError> {
    let folder = tempfile::tempdir()?;
    if let Some((uid, gid)) = sandbox.owner()
        && let Err(cause) = std::os::unix::fs::chown(folder.path(), Some(uid), Some(gid))
    {
        let wall = not_given(&cause).ok_or(cause)?;
        return Ok(Started::Missing(vec![wall]));
    }
    attempt(sandbox, &smallest(folder.path())).await
}

fn smallest(workspace: &Path) -> Policy {
    let bounds = Bounds {
        memory_bytes: 1 << 30,
        processes: 64,
        file_bytes: 1 << 20,
        tmp_bytes: 1 << 20,
        disk_bytes: 1 << 30,
        life: Duration::from_secs(60),
    };
    Policy {
        workspace: workspace.to_owned(),
        read: Vec::new(),
        write: Vec::new(),
        env: Vec::new(),
        egress: None,
        bounds,
    }
}

fn stands(wall: Wall, landlock: u32) -> Probe {
    let hint = (wall == Wall::Landlock).then(|| format!("ABI {landlock}"));
    Probe { name: format!("sandbox: {}", wall.name()), ok: true, hint }
}

/// A wall behind a missing one was not tried, and that is said.
fn missing(missing: &[Missing], facts: &Facts) -> Vec<Probe> {
    let last = missing.iter().map(|one| one.wall).filter(|wall| !precheck(*wall)).max();
    let line = |wall: &Wall| {
        let name = format!("sandbox: {}", wall.name());
        if let Some(one) = missing.iter().find(|one| one.wall == *wall) {
            let error = one.error(facts);
            return Probe { name, ok: false, hint: Some(format!("{error}; {}", error.hint())) };
        }
        let untried = !precheck(*wall) && last.is_some_and(|last| *wall > last);
        let hint = untried.then(|| "not tried: the wall before it is missing".to_owned());
        Probe { name, ok: !untried, hint }
    };
    Wall::ALL.iter().map(line).collect()
}

/// Walls that are asked for before any is built.
fn precheck(wall: Wall) -> bool {
    matches!(wall, Wall::Landlock | Wall::Seccomp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::Errno;

    #[test]
    fn what_is_missing_and_what_was_not_tried() {
        let walls = [
            Wall::Landlock.missing("version", Errno::NOSYS),
            Wall::PidNamespace.missing("unshare", Errno::PERM),
        ];
        let probes = missing(&walls, &Facts::default());
        let line = |probe: &Probe| {
            let hint = probe.hint.as_deref().unwrap_or_default();
            let hint = hint.split([':', ';']).next().unwrap_or_default();
            format!("{} {} {hint}", probe.name, if probe.ok { "ok" } else { "MISSING" }).trim_end().to_owned()
        };
        insta::assert_snapshot!(probes.iter().map(line).collect::<Vec<_>>().join("\n"), @r"
        sandbox: ordinary user ok
        sandbox: user namespace ok
        sandbox: mount namespace ok
        sandbox: pid namespace MISSING the sandbox can't build its pid namespace wall
        sandbox: network namespace MISSING not tried
        sandbox: ipc namespace MISSING not tried
        sandbox: uts namespace MISSING not tried
        sandbox: private root MISSING not tried
        sandbox: fresh /proc MISSING not tried
        sandbox: resource limits MISSING not tried
        sandbox: Landlock MISSING the sandbox can't build its Landlock wall
        sandbox: capabilities MISSING not tried
        sandbox: seccomp ok
        ");
    }
}
