//! Addresses, and the paths of the description, some of whose parameters hold slashes.

/// A request's address in parts.
pub(super) struct Address {
    /// Of the path, as sent.
    pub(super) segments: Vec<String>,
    /// Of the query, decoded.
    pub(super) query: Vec<(String, String)>,
}

impl Address {
    /// A path that a parser of addresses would send otherwise (dots, spaces, a fragment) is no path.
    pub(super) fn parse(path_and_query: &str) -> Result<Self, Vec<String>> {
        let odd = || vec![format!("not the path and query of an address: {path_and_query:?}")];
        let url = reqwest::Url::parse(&format!("http://judge{path_and_query}")).map_err(|_| odd())?;
        let path = path_and_query.split('?').next().unwrap_or_default();
        let segments: Vec<String> = path.split('/').skip(1).map(str::to_owned).collect();
        if url.path() != path || url.host_str() != Some("judge") || segments.iter().any(String::is_empty) {
            return Err(odd());
        }
        let query = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        Ok(Self { segments: by_name(segments), query })
    }
}

/// `/repositories/ID/…` is `/repos/OWNER/REPO/…`: the description leaves it out, though GitHub sends there whoever asks
/// for a repository by a name that it had.
fn by_name(mut segments: Vec<String>) -> Vec<String> {
    let is_id = |text: &String| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if segments.first().is_some_and(|s| s == "repositories") && segments.get(1).is_some_and(is_id) {
        segments.splice(..2, ["repos", "-", "-"].map(str::to_owned));
    }
    segments
}

/// A part of a path between slashes.
pub(super) enum Part {
    /// These letters.
    Literal(String),
    /// A parameter of this name.
    One(String),
    /// A parameter of this name that may hold slashes: a ref, a file's path.
    Many(String),
}

impl Part {
    pub(super) fn is_literal(&self) -> bool {
        matches!(self, Self::Literal(_))
    }
}

/// The parts of a path of the description.
pub(super) fn parts(path: &str, has_slashes: impl Fn(&str) -> bool) -> Vec<Part> {
    path.split('/')
        .skip(1)
        .map(|part| match part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(name) if has_slashes(name) => Part::Many(name.to_owned()),
            Some(name) => Part::One(name.to_owned()),
            None => Part::Literal(part.to_owned()),
        })
        .collect()
}

/// The parameters' values, when the path fits.
pub(super) fn bind(parts: &[Part], segments: &[String]) -> Option<Vec<(String, String)>> {
    let Some((part, rest)) = parts.split_first() else {
        return segments.is_empty().then(Vec::new);
    };
    let (first, after) = segments.split_first()?;
    let (name, longest) = match part {
        Part::Literal(text) => return if text == first { bind(rest, after) } else { None },
        Part::One(name) => (name, 1),
        Part::Many(name) => (name, segments.len()),
    };
    (1..=longest).rev().find_map(|taken| {
        let mut bound = bind(rest, &segments[taken..])?;
        bound.push((name.clone(), segments[..taken].join("/")));
        Some(bound)
    })
}
