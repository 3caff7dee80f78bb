//! Golden files: what crosses the border, kept under `fixtures/sunshine/` and compared with named holes.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::matching::{Bindings, blessed, differences};

/// One case folder and what its holes hold so far.
#[derive(Debug)]
pub(crate) struct Golden {
    folder: PathBuf,
    pub(crate) holes: Bindings,
}

impl Golden {
    /// The folder `fixtures/sunshine/{case}`.
    pub(crate) fn of(case: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/sunshine").join(case);
        Self { folder, holes: Bindings::default() }
    }

    /// Compares with a file of the case. With `HELIOGRAPH_BLESS=1` the file is rewritten instead.
    pub(crate) fn compare(&mut self, file: &str, actual: &Value) {
        let path = self.folder.join(file);
        let expected = std::fs::read_to_string(&path)
            .ok()
            .map(|text| serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}")));
        let found = match &expected {
            Some(expected) => differences(expected, actual, &mut self.holes),
            None => vec!["the file does not exist".to_owned()],
        };
        if found.is_empty() {
            return;
        }
        if std::env::var_os("HELIOGRAPH_BLESS").is_some_and(|value| value == "1") {
            self.bless(&path, expected.as_ref(), actual);
            return;
        }
        panic!(
            "{} differs:\n  {}\nfound:\n{actual:#}\n(HELIOGRAPH_BLESS=1 rewrites expected files)",
            path.display(),
            found.join("\n  ")
        );
    }

    fn bless(&mut self, path: &Path, expected: Option<&Value>, actual: &Value) {
        let new = blessed(expected, actual, &self.holes);
        let folder = path.parent().expect("a file of a folder");
        std::fs::create_dir_all(folder).expect("the case folder can be made");
        std::fs::write(path, format!("{new:#}\n")).expect("the file can be written");
        // Later files of the case still need what the holes of this one took.
        differences(&new, actual, &mut self.holes);
    }
}
