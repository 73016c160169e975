//! Threads: what a run is about on GitHub. Ids decide; names are for people and addresses.

use super::{Store, StoreError, Stored, runs};
use crate::{
    clock::Timestamp,
    ids::{ContentHash, RunId},
    run::{Phase, Run, journal::encode_run, reply},
};
use sqlx::{
    Row,
    sqlite::{SqliteConnection, SqliteRow},
};

/// What a run is about on GitHub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// The installation it is done under.
    pub installation: u64,
    /// The repository.
    pub repo_id: u64,
    /// Its owner's name when it was last seen.
    pub repo_owner: String,
    /// Its name when it was last seen.
    pub repo_name: String,
    /// Whether only members see it.
    pub is_private: bool,
    /// What pull requests go to.
    pub default_branch: String,
    /// The issue or pull request.
    pub number: u64,
    /// The comment that asked.
    pub comment: u64,
    /// Who opened it; 0: that account is gone, or the run is from before this was kept.
    pub author: u64,
    /// Who asked.
    pub requester: u64,
    /// Their name, for the one mention.
    pub requester_login: String,
    /// The one branch that the run may write.
    pub branch: String,
    /// Labels of its pull request.
    pub labels: Vec<String>,
    /// Whether its pull request is a draft.
    pub is_draft: bool,
    /// The whole request as it was asked; [`Store::kept`] has it.
    pub request: ContentHash,
}

/// What beginning a run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It is new.
    New(Stored),
    /// The same request again: this run.
    Known(Stored),
    /// Another run of the same issue or pull request is open; nothing was written.
    Busy(RunId),
}

/// Whose runs are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Those a person asked for.
    Requester(u64),
    /// Those of a repository.
    Repository(u64),
}

/// A run in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The run.
    pub id: RunId,
    /// Where it is.
    pub phase: Phase,
    /// What it is about: a folder, or `github:ID`.
    pub repository: String,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last told something.
    pub updated: Timestamp,
    /// What it is about on GitHub; None for a run of the command line.
    pub thread: Option<Thread>,
}

/// The columns of a list; `threads` may be missing.
const LISTED: &str = "SELECT runs.id, runs.phase, runs.repository, runs.created, runs.updated, threads.*
     FROM runs LEFT JOIN threads ON threads.run = runs.id";

/// A run that is to be driven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanting {
    /// The run.
    pub run: RunId,
    /// Whether there are works to do; the others only have something to say.
    pub has_work: bool,
    /// Whether its installation has nothing in hand, and this is the first it wants.
    pub is_first: bool,
}

impl Store {
    /// Keeps a new run together with what it is about, or finds the one that has its id already. Only one run of an issue
    /// or pull request is open at a time: two that are asked for in the same instant are one run and one `Busy`.
    pub async fn begin_run(&self, run: &Run, thread: &Thread) -> Result<Begun, StoreError> {
        let (id, created) = (run.id.clone(), run.created.0);
        let (phase, state, thread) = (reply::phase(run.phase()), encode_run(run)?, thread.clone());
        self.write(move |connection| {
            Box::pin(async move {
                if let Some(known) = runs::find(connection, &id).await? {
                    return Ok(Begun::Known(known));
                }
                if let Some(open) = open_run(connection, thread.repo_id, thread.number).await? {
                    return Ok(Begun::Busy(open));
                }
                let repository = format!("github:{}", thread.repo_id);
                runs::insert(connection, &id, &repository, phase, &state, created).await?;
                insert(connection, &id, &thread).await?;
                Ok(Begun::New(runs::read(connection, &id).await?))
            })
        })
        .await
    }

    /// What that run is about; None: it is none of GitHub's.
    pub async fn thread(&self, run: &RunId) -> Result<Option<Thread>, StoreError> {
        let query = sqlx::query("SELECT * FROM threads WHERE run = ?").bind(run.as_str());
        query.fetch_optional(&self.readers).await?.as_ref().map(thread).transpose()
    }

    /// The open run of that issue or pull request.
    pub async fn open_run_on(&self, repo: u64, number: u64) -> Result<Option<RunId>, StoreError> {
        let mut connection = self.readers.acquire().await?;
        open_run(&mut connection, repo, number).await
    }

    /// The open run of the same issue or pull request, when this run is over.
    pub async fn open_run_beside(&self, run: &RunId) -> Result<Option<RunId>, StoreError> {
        let Some(thread) = self.thread(run).await? else { return Ok(None) };
        let open = self.open_run_on(thread.repo_id, thread.number).await?;
        let is_over = self.run(run).await?.run.outcome().is_some();
        Ok(open.filter(|open| is_over && open != run))
    }

    /// The run of that issue or pull request that was begun last, open or not.
    pub async fn last_run_on(&self, repo: u64, number: u64) -> Result<Option<RunId>, StoreError> {
        let found: Option<String> = sqlx::query_scalar(
            "SELECT run FROM threads JOIN runs ON runs.id = threads.run
             WHERE repo_id = ? AND number = ? ORDER BY created DESC, run LIMIT 1",
        )
        .bind(signed(repo))
        .bind(signed(number))
        .fetch_optional(&self.readers)
        .await?;
        Ok(found.map(RunId::new))
    }

    /// The open runs of a repository.
    pub async fn open_runs_of_repo(&self, repo: u64) -> Result<Vec<RunId>, StoreError> {
        self.open_runs_where("repo_id", repo).await
    }

    /// The open runs of an installation.
    pub async fn open_runs_of_installation(&self, installation: u64) -> Result<Vec<RunId>, StoreError> {
        self.open_runs_where("installation", installation).await
    }

    async fn open_runs_where(&self, column: &'static str, id: u64) -> Result<Vec<RunId>, StoreError> {
        let query = format!(
            "SELECT run FROM threads JOIN runs ON runs.id = threads.run
             WHERE {column} = ? AND phase <> 'closed' ORDER BY created, run"
        );
        let found: Vec<String> = sqlx::query_scalar(&query).bind(signed(id)).fetch_all(&self.readers).await?;
        Ok(found.into_iter().map(RunId::new).collect())
    }

    /// The newest runs of a repository that are over.
    pub async fn closed_runs_of_repo(&self, repo: u64, most: u32) -> Result<Vec<RunId>, StoreError> {
        self.closed_runs_where("repo_id", repo, most).await
    }

    /// The newest runs of an installation that are over.
    pub async fn closed_runs_of_installation(&self, id: u64, most: u32) -> Result<Vec<RunId>, StoreError> {
        self.closed_runs_where("installation", id, most).await
    }

    async fn closed_runs_where(
        &self,
        column: &'static str,
        id: u64,
        most: u32,
    ) -> Result<Vec<RunId>, StoreError> {
        let query = format!(
            "SELECT run FROM threads JOIN runs ON runs.id = threads.run
             WHERE {column} = ? AND phase = 'closed' ORDER BY created DESC, run LIMIT ?"
        );
        let query = sqlx::query_scalar(&query).bind(signed(id)).bind(most);
        let found: Vec<String> = query.fetch_all(&self.readers).await?;
        Ok(found.into_iter().map(RunId::new).collect())
    }

    /// Every open run that is GitHub's, oldest first: what a start and a sweep look through.
    pub async fn open_threads(&self) -> Result<Vec<Listed>, StoreError> {
        let query = format!("{LISTED} WHERE phase <> 'closed' AND run IS NOT NULL ORDER BY created, id");
        sqlx::query(&query).fetch_all(&self.readers).await?.iter().map(listed).collect()
    }

    /// The newest runs of all kinds, newest first.
    pub async fn list_runs(&self, most: u32) -> Result<Vec<Listed>, StoreError> {
        let query = format!("{LISTED} ORDER BY created DESC, id LIMIT ?");
        sqlx::query(&query).bind(most).fetch_all(&self.readers).await?.iter().map(listed).collect()
    }

    /// The runs of GitHub's that are to begin or want something performed now and that nobody has a good lease on: by
    /// turns of their installations, first that which has the fewest in hand, of each the oldest first.
    pub async fn runs_to_drive(&self, now: Timestamp) -> Result<Vec<Wanting>, StoreError> {
        // what is claimed under a lease that is over was in hand when its process died; `IN` twice, because the index has few of
        // the effects that there ever were, and is not found by itself
        let found = sqlx::query(
            "WITH held AS (
                 SELECT installation, count(*) AS many FROM runs JOIN threads ON threads.run = runs.id
                 WHERE lease_owner IS NOT NULL AND lease_until > ?1 GROUP BY installation)
             SELECT id, phase NOT IN ('watching', 'paused', 'closed') AS has_work, coalesce(many, 0) = 0
                 AND row_number() OVER (PARTITION BY installation ORDER BY created, id) = 1 AS is_first
             FROM runs JOIN threads ON threads.run = runs.id LEFT JOIN held USING (installation)
             WHERE (lease_owner IS NULL OR lease_until <= ?1) AND runs.id IN (
                 SELECT id FROM runs WHERE phase = 'queued'
                 UNION SELECT run FROM effects INDEXED BY effects_open
                 WHERE state IN ('pending', 'claimed') AND (state = 'claimed' OR not_before <= ?1))
             ORDER BY coalesce(many, 0) + row_number() OVER (PARTITION BY installation ORDER BY created, id),
                 created, id",
        )
        .bind(now.0)
        .fetch_all(&self.readers)
        .await?;
        let wanting = |row: &SqliteRow| {
            let run = RunId::new(row.try_get::<String, _>("id")?);
            Ok(Wanting { run, has_work: row.try_get("has_work")?, is_first: row.try_get("is_first")? })
        };
        found.iter().map(wanting).collect()
    }

    /// How many runs were begun since then.
    pub async fn runs_begun(&self, whose: Whose, since: Timestamp) -> Result<u32, StoreError> {
        let (column, id) = match whose {
            Whose::Requester(id) => ("requester", id),
            Whose::Repository(id) => ("repo_id", id),
        };
        let query = format!(
            "SELECT count(*) FROM threads JOIN runs ON runs.id = threads.run WHERE {column} = ? AND created >= ?"
        );
        Ok(sqlx::query_scalar(&query).bind(signed(id)).bind(since.0).fetch_one(&self.readers).await?)
    }

    /// How many runs are in each phase.
    pub async fn runs_by_phase(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let rows = sqlx::query("SELECT phase, count(*) AS count FROM runs GROUP BY phase")
            .fetch_all(&self.readers)
            .await?;
        rows.iter()
            .map(|row| Ok((row.try_get("phase")?, row.try_get::<i64, _>("count")?.unsigned_abs())))
            .collect()
    }

    /// A run is done under this installation from now on: the App was installed anew.
    pub async fn run_is_under(&self, run: &RunId, installation: u64) -> Result<(), StoreError> {
        let run = run.as_str().to_owned();
        self.write(move |connection| {
            Box::pin(async move {
                let query = "UPDATE threads SET installation = ?2 WHERE run = ?1 AND installation <> ?2";
                sqlx::query(query).bind(run).bind(signed(installation)).execute(connection).await?;
                Ok(())
            })
        })
        .await
    }

    /// A repository has other names now.
    pub async fn repo_is_called(&self, repo: u64, owner: &str, name: &str) -> Result<(), StoreError> {
        let (owner, name) = (owner.to_owned(), name.to_owned());
        self.write(move |connection| {
            Box::pin(async move {
                sqlx::query(
                    "UPDATE threads SET repo_owner = ?2, repo_name = ?3
                     WHERE repo_id = ?1 AND (repo_owner <> ?2 OR repo_name <> ?3)",
                )
                .bind(signed(repo))
                .bind(owner)
                .bind(name)
                .execute(connection)
                .await?;
                Ok(())
            })
        })
        .await
    }
}

async fn open_run(
    connection: &mut SqliteConnection,
    repo: u64,
    number: u64,
) -> Result<Option<RunId>, StoreError> {
    let found: Option<String> = sqlx::query_scalar(
        "SELECT run FROM threads JOIN runs ON runs.id = threads.run
         WHERE repo_id = ? AND number = ? AND phase <> 'closed' ORDER BY created DESC, run LIMIT 1",
    )
    .bind(signed(repo))
    .bind(signed(number))
    .fetch_optional(connection)
    .await?;
    Ok(found.map(RunId::new))
}

/// `is_pull` is a column that nobody reads.
async fn insert(connection: &mut SqliteConnection, run: &RunId, thread: &Thread) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO threads (run, installation, repo_id, repo_owner, repo_name, is_private, default_branch, number,
             is_pull, comment, author, requester, requester_login, branch, labels, is_draft, request)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(run.as_str())
    .bind(signed(thread.installation))
    .bind(signed(thread.repo_id))
    .bind(&thread.repo_owner)
    .bind(&thread.repo_name)
    .bind(thread.is_private)
    .bind(&thread.default_branch)
    .bind(signed(thread.number))
    .bind(signed(thread.comment))
    .bind(signed(thread.author))
    .bind(signed(thread.requester))
    .bind(&thread.requester_login)
    .bind(&thread.branch)
    .bind(thread.labels.join("\n"))
    .bind(thread.is_draft)
    .bind(thread.request.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

fn thread(row: &SqliteRow) -> Result<Thread, StoreError> {
    let id = |name: &str| row.try_get::<i64, _>(name).map(unsigned);
    Ok(Thread {
        installation: id("installation")?,
        repo_id: id("repo_id")?,
        repo_owner: row.try_get("repo_owner")?,
        repo_name: row.try_get("repo_name")?,
        is_private: row.try_get("is_private")?,
        default_branch: row.try_get("default_branch")?,
        number: id("number")?,
        comment: id("comment")?,
        author: id("author")?,
        requester: id("requester")?,
        requester_login: row.try_get("requester_login")?,
        branch: row.try_get("branch")?,
        labels: row.try_get::<String, _>("labels")?.lines().map(str::to_owned).collect(),
        is_draft: row.try_get("is_draft")?,
        request: ContentHash::new(row.try_get::<String, _>("request")?),
    })
}

fn listed(row: &SqliteRow) -> Result<Listed, StoreError> {
    let run: Option<String> = row.try_get("run")?;
    Ok(Listed {
        id: RunId::new(row.try_get::<String, _>("id")?),
        phase: runs::phase(row.try_get("phase")?)?,
        repository: row.try_get("repository")?,
        created: Timestamp(row.try_get("created")?),
        updated: Timestamp(row.try_get("updated")?),
        thread: run.map(|_| thread(row)).transpose()?,
    })
}

/// SQLite's numbers are signed: an id keeps its bits.
pub(super) fn signed(id: u64) -> i64 {
    id.cast_signed()
}

pub(super) fn unsigned(id: i64) -> u64 {
    id.cast_unsigned()
}
