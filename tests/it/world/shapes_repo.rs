//! Repositories and their labels as GitHub's JSON.

use super::{
    answer::stamp,
    shapes::{merge, node_id},
    state::{Label, RepoId, State},
};
use serde_json::{Value, json};

/// The links of a repository below its own address.
const LINKS: &[(&str, &str)] = &[
    ("forks_url", "/forks"),
    ("keys_url", "/keys{/key_id}"),
    ("collaborators_url", "/collaborators{/collaborator}"),
    ("teams_url", "/teams"),
    ("hooks_url", "/hooks"),
    ("issue_events_url", "/issues/events{/number}"),
    ("events_url", "/events"),
    ("assignees_url", "/assignees{/user}"),
    ("branches_url", "/branches{/branch}"),
    ("tags_url", "/tags"),
    ("blobs_url", "/git/blobs{/sha}"),
    ("git_tags_url", "/git/tags{/sha}"),
    ("git_refs_url", "/git/refs{/sha}"),
    ("trees_url", "/git/trees{/sha}"),
    ("statuses_url", "/statuses/{sha}"),
    ("languages_url", "/languages"),
    ("stargazers_url", "/stargazers"),
    ("contributors_url", "/contributors"),
    ("subscribers_url", "/subscribers"),
    ("subscription_url", "/subscription"),
    ("commits_url", "/commits{/sha}"),
    ("git_commits_url", "/git/commits{/sha}"),
    ("comments_url", "/comments{/number}"),
    ("issue_comment_url", "/issues/comments{/number}"),
    ("contents_url", "/contents/{+path}"),
    ("compare_url", "/compare/{base}...{head}"),
    ("merges_url", "/merges"),
    ("archive_url", "/{archive_format}{/ref}"),
    ("downloads_url", "/downloads"),
    ("issues_url", "/issues{/number}"),
    ("pulls_url", "/pulls{/number}"),
    ("milestones_url", "/milestones{/number}"),
    ("notifications_url", "/notifications{?since,all,participating}"),
    ("labels_url", "/labels{/name}"),
    ("releases_url", "/releases{/id}"),
    ("deployments_url", "/deployments"),
];

impl State {
    pub(super) fn repo_url(&self, id: RepoId) -> String {
        format!("{}/repos/{}", self.base, self.full_name(id))
    }

    pub(super) fn repo_page(&self, id: RepoId) -> String {
        format!("{}/{}", self.base, self.full_name(id))
    }

    /// A repository as it stands in lists, pull requests and webhooks.
    pub(super) fn repo_json(&self, id: RepoId) -> Value {
        let repo = self.repo(id);
        let (url, page) = (self.repo_url(id), self.repo_page(id));
        let open = repo.threads.values().filter(|thread| thread.is_open).count();
        let mut json = json!({
            "id": id.0,
            "node_id": node_id("Repository", id.0),
            "name": repo.name,
            "full_name": self.full_name(id),
            "private": repo.is_private,
            "owner": self.user_json(repo.owner),
            "html_url": page,
            "description": null,
            "fork": false,
            "url": url,
            "created_at": stamp(repo.created),
            "updated_at": stamp(repo.created),
            "pushed_at": stamp(repo.created),
            "git_url": page.replacen("http", "git", 1) + ".git",
            "ssh_url": format!("git@github.test:{}.git", self.full_name(id)),
            "clone_url": format!("{page}.git"),
            "svn_url": page,
            "homepage": null,
            "size": 1, "stargazers_count": 0, "watchers_count": 0,
            "language": null,
            "has_issues": true, "has_projects": true, "has_downloads": true, "has_wiki": true,
            "has_pages": false, "has_discussions": false,
            "forks_count": 0,
            "mirror_url": null,
            "archived": repo.is_archived,
            "disabled": false,
            "open_issues_count": open,
            "license": null,
        });
        let more = json!({
            "allow_forking": true,
            "is_template": false,
            "web_commit_signoff_required": false,
            "topics": [],
            "visibility": if repo.is_private { "private" } else { "public" },
            "forks": 0,
            "open_issues": open,
            "watchers": 0,
            "default_branch": repo.default_branch,
        });
        merge(&mut json, more);
        merge(
            &mut json,
            LINKS
                .iter()
                .map(|(key, tail)| ((*key).to_owned(), Value::from(format!("{url}{tail}"))))
                .collect(),
        );
        json
    }

    /// A repository as `GET /repos/…` shows it.
    pub(super) fn full_repo_json(&self, id: RepoId, may_push: bool) -> Value {
        let mut json = self.repo_json(id);
        let more = json!({
            "permissions": {"admin": false, "maintain": false, "push": may_push, "triage": may_push, "pull": true},
            "temp_clone_token": null,
            "allow_squash_merge": true, "allow_merge_commit": true, "allow_rebase_merge": true,
            "allow_auto_merge": false, "delete_branch_on_merge": false, "allow_update_branch": false,
            "network_count": 0, "subscribers_count": 1,
        });
        merge(&mut json, more);
        json
    }

    /// A repository as the webhooks of installations name it.
    pub(super) fn short_repo_json(&self, id: RepoId) -> Value {
        let repo = self.repo(id);
        json!({
            "id": id.0,
            "node_id": node_id("Repository", id.0),
            "name": repo.name,
            "full_name": self.full_name(id),
            "private": repo.is_private,
        })
    }

    pub(super) fn label_json(&self, repo: RepoId, label: &Label) -> Value {
        json!({
            "id": label.id,
            "node_id": node_id("Label", label.id),
            "url": format!("{}/labels/{}", self.repo_url(repo), label.name),
            "name": label.name,
            "color": label.color,
            "default": false,
            "description": label.description,
        })
    }
}
