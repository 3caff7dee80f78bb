//! Paths as clients write them: `/appUsers/` and `/appusers/` are the same place.

use std::collections::HashSet;

use axum::extract::Request;
use http::{Method, Uri};

/// Where the platform's Zendesk customers have the API: `https://{subdomain}.zendesk.com/sc/v2/…`.
const BASE: &str = "/sc";

/// The patterns of all routes, to see which words of a path are fixed.
#[derive(Debug, Default)]
pub(super) struct Paths {
    patterns: Vec<Pattern>,
    words: HashSet<String>,
}

#[derive(Debug)]
struct Pattern {
    method: Method,
    segments: Vec<Segment>,
}

#[derive(Debug, PartialEq, Eq)]
enum Segment {
    /// The same for everybody, whatever its case.
    Word(String),
    /// An id or a name, which keeps its case.
    Param,
}

impl Pattern {
    fn fits(&self, path: &[&str]) -> bool {
        let fits = |(segment, text): (&Segment, &&str)| match segment {
            Segment::Word(word) => word.eq_ignore_ascii_case(text),
            Segment::Param => !text.is_empty(),
        };
        self.segments.len() == path.len() && self.segments.iter().zip(path).all(fits)
    }

    /// Where its words stand: of two patterns that fit, the one whose word comes first says more.
    fn words(&self) -> impl Iterator<Item = bool> {
        self.segments.iter().map(|segment| matches!(segment, Segment::Word(_)))
    }
}

impl Paths {
    /// Of these routes.
    pub(super) fn of<'a>(routes: impl Iterator<Item = (&'a Method, &'a str)>) -> Paths {
        let mut paths = Paths::default();
        for (method, path) in routes {
            let segments = segments(path).map(|segment| match segment.starts_with('{') {
                true => Segment::Param,
                false => Segment::Word(segment.to_owned()),
            });
            paths.patterns.push(Pattern { method: method.clone(), segments: segments.collect() });
        }
        for segment in paths.patterns.iter().flat_map(|pattern| &pattern.segments) {
            if let Segment::Word(word) = segment {
                paths.words.insert(word.clone());
            }
        }
        paths
    }

    /// Writes the fixed words of a request's path as its route does, so that routing need not care for their case, and
    /// leaves out the [`BASE`] that some clients put before it.
    pub(super) fn normalised(&self, mut request: Request) -> Request {
        let given = request.uri().path();
        let path = based(given).unwrap_or(given);
        let rewritten = self.rewritten(request.method(), path);
        if let Some(path) = rewritten.or_else(|| based(given).map(str::to_owned)) {
            let path_and_query = match request.uri().query() {
                Some(query) => format!("{path}?{query}"),
                None => path,
            };
            let mut parts = request.uri().clone().into_parts();
            // A path with other words is a path; were it not, the request keeps the one it had.
            parts.path_and_query = path_and_query.parse().ok();
            if let Ok(uri) = Uri::from_parts(parts) {
                *request.uri_mut() = uri;
            }
        }
        request
    }

    /// The path as its route has it; `None` when it is so already, or when there is no such route.
    fn rewritten(&self, method: &Method, path: &str) -> Option<String> {
        let given: Vec<&str> = segments(path).collect();
        let pattern = self.pattern(method, &given)?;
        let mut rewritten = String::with_capacity(path.len() + 2);
        for (segment, given) in pattern.segments.iter().zip(&given) {
            rewritten.push('/');
            match segment {
                Segment::Word(word) => rewritten.push_str(word),
                // A person may be called as a word is (`merge`). The router would take the name for the word, also
                // where only another method has that word; written with an escape it takes it for a name.
                Segment::Param if self.words.contains(*given) => {
                    let (first, rest) = given.split_at(1);
                    rewritten.push_str(&format!("%{:02X}{rest}", first.as_bytes()[0]));
                }
                Segment::Param => rewritten.push_str(given),
            }
        }
        (rewritten != path).then_some(rewritten)
    }

    /// The pattern that fits: one of the method if there is any, else any, which is then refused for its method.
    fn pattern(&self, method: &Method, path: &[&str]) -> Option<&Pattern> {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let fitting = self.patterns.iter().filter(|pattern| pattern.fits(path));
        fitting.max_by(|one, other| {
            let rank = |pattern: &Pattern| pattern.method == *method;
            rank(one).cmp(&rank(other)).then_with(|| one.words().cmp(other.words()))
        })
    }
}

/// What follows the [`BASE`] of a path that has it.
fn based(path: &str) -> Option<&str> {
    let (base, rest) = path.split_at_checked(BASE.len())?;
    (base.eq_ignore_ascii_case(BASE) && rest.starts_with('/')).then_some(rest)
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.strip_prefix('/').unwrap_or(path).split('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths() -> Paths {
        let routes = [
            (Method::POST, "/v1/apps/{app}/notifications"),
            (Method::POST, "/v1.1/appusers/merge"),
            (Method::GET, "/v1.1/appusers/{user}"),
            (Method::PUT, "/v1.1/appusers/{user}"),
            (Method::GET, "/v1.1/apps/{app}/appusers/{user}/messages"),
            (Method::GET, "/v1.1/appusers/{user}/messages"),
            (Method::POST, "/v1.1/appusers/{user}/conversation/read"),
            (Method::DELETE, "/v1.1/appusers/{user}/channels/{channel}"),
            (Method::DELETE, "/v1.1/integrations/{integration}/messageTemplates/{name}"),
            (Method::GET, "/v1.1/whatsapp/deployments/{deployment}"),
        ];
        Paths::of(routes.iter().map(|(method, path)| (method, *path)))
    }

    fn check(method: Method, given: &str, expected: &str) {
        let rewritten = paths().rewritten(&method, given);
        assert_eq!(rewritten.as_deref().unwrap_or(given), expected, "{method} {given}");
        if given == expected {
            assert_eq!(rewritten, None, "{method} {given}");
        }
    }

    #[test]
    fn words_have_any_case_and_names_keep_theirs() {
        check(
            Method::GET,
            "/v1.1/apps/5963/appUsers/Steve/Messages",
            "/v1.1/apps/5963/appusers/Steve/messages",
        );
        check(
            Method::DELETE,
            "/V1.1/AppUsers/%2B1Ab/Channels/Twilio",
            "/v1.1/appusers/%2B1Ab/channels/Twilio",
        );
        check(Method::POST, "/v1/Apps/5963/Notifications", "/v1/apps/5963/notifications");
        check(Method::POST, "/v1.1/appusers/U/conversation/READ", "/v1.1/appusers/U/conversation/read");
        check(Method::GET, "/v1.1/Whatsapp/Deployments/AbC", "/v1.1/whatsapp/deployments/AbC");
        check(
            Method::DELETE,
            "/v1.1/integrations/A/messagetemplates/My_Name",
            "/v1.1/integrations/A/messageTemplates/My_Name",
        );
        check(Method::HEAD, "/v1.1/AppUsers/STEVE", "/v1.1/appusers/STEVE");
        check(Method::GET, "/v1.1/appusers/STEVE", "/v1.1/appusers/STEVE");
    }

    #[test]
    fn a_word_beats_a_name_for_the_methods_that_have_the_word() {
        check(Method::POST, "/v1.1/appusers/Merge", "/v1.1/appusers/merge");
        check(Method::GET, "/v1.1/appusers/merge", "/v1.1/appusers/%6Derge");
        check(Method::PUT, "/v1.1/appusers/Merge", "/v1.1/appusers/Merge");
        check(Method::GET, "/v1.1/appusers/merge/messages", "/v1.1/appusers/%6Derge/messages");
        // Nobody takes this method: it is refused as one, not as a place that is not there.
        check(Method::PATCH, "/v1.1/AppUsers/u", "/v1.1/appusers/u");
    }

    #[test]
    fn other_paths_are_left_alone() {
        for path in
            ["/hooks/Twilio/ABC", "/", "", "/v1.1/Appusers/u/messages/", "/v1.1/AppUsers/", "/v2/Apps"]
        {
            check(Method::GET, path, path);
        }
    }

    #[test]
    fn a_base_before_the_version_is_left_out() {
        for (given, path) in [
            ("/sc/v1.1/AppUsers/u?a=b", "/v1.1/appusers/u?a=b"),
            ("/SC/v1.1/appusers/u", "/v1.1/appusers/u"),
            ("/sc/elsewhere", "/elsewhere"),
            ("/sc", "/sc"),
            ("/scv1.1/appusers/u", "/scv1.1/appusers/u"),
        ] {
            let request = Request::builder().uri(given).body(axum::body::Body::empty());
            assert_eq!(paths().normalised(request.expect("is a request")).uri(), path, "{given}");
        }
    }

    #[test]
    fn query_and_plus_signs_stay() {
        let request = Request::builder().uri("/v1.1/AppUsers/+1?before=A+b%2B");
        let request = paths().normalised(request.body(axum::body::Body::empty()).expect("is a request"));
        assert_eq!(request.uri(), "/v1.1/appusers/+1?before=A+b%2B");
    }
}
