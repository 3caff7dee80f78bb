//! Whose bytes are where: files of the same bytes share them, counted so that they go with the last of them.
//!
//! A place that no file has any more is never taken up again, so removing what lies there needs no lock.

use serde::{Deserialize, Serialize};

use crate::model::{App, Blob, Id, MediaFile, NewJob, User};
use crate::store::{Batch, Expect, Record, Versioned};

use super::media::files_of;
use super::records::save;
use super::{Core, CoreError, Once, Thing, retried};

/// Bytes that files of an app have.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Shared {
    digest: String,
    place: String,
    /// How many files have them; never none.
    files: u64,
}

impl Record for Shared {
    const KIND: &'static str = "blob";

    fn record_id(&self) -> String {
        self.digest.clone()
    }
}

/// A file whose bytes are kept, and where: elsewhere than they were just put, when they were there before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// What is known of it now.
    pub file: MediaFile,
    /// Where its bytes are.
    pub place: String,
}

impl Core {
    /// Where an app keeps bytes of this digest.
    pub async fn place_of(&self, app: &Id<App>, digest: &str) -> Result<Option<String>, CoreError> {
        Ok(self.store.load::<Shared>(app, digest).await?.map(|shared| shared.value.place))
    }

    /// Keeps a new file whose bytes are here. `lost` is where they should have been and are not. One that is known
    /// under its id already stays as it is.
    pub async fn keep_media(
        &self,
        app: &Id<App>,
        file: &MediaFile,
        blob: &Blob,
        lost: Option<&str>,
    ) -> Result<Placed, CoreError> {
        retried(|| self.try_keep_media(app, file, blob, lost)).await
    }

    async fn try_keep_media(
        &self,
        app: &Id<App>,
        file: &MediaFile,
        blob: &Blob,
        lost: Option<&str>,
    ) -> Result<Placed, CoreError> {
        if let Some(known) = self.media(app, &file.id).await? {
            return self.placed(app, known).await;
        }
        let mut batch = Batch::new(app);
        if let Some(user) = &file.user {
            // Written only to be sure that they are not being erased: then nobody would find the file any more.
            let read = self.store.load::<User>(app, user.as_str()).await?;
            let read = read.ok_or(CoreError::NotFound(Thing::User))?;
            batch.update(&read);
            batch.append(files_of(user), file.created.millis(), file.id.as_str());
        }
        let mut file = file.clone();
        let place = self.share(app, &mut file, blob, lost, &mut batch).await?;
        batch.insert(&file);
        self.store.commit(batch).await?;
        Ok(Placed { file, place })
    }

    /// Notes that the bytes of a file came, and what type they are. `None` when it was taken away meanwhile.
    pub async fn media_came(
        &self,
        app: &Id<App>,
        id: &Id<MediaFile>,
        blob: &Blob,
        media_type: Option<&str>,
        lost: Option<&str>,
    ) -> Result<Option<Placed>, CoreError> {
        retried(|| self.try_media_came(app, id, blob, media_type, lost)).await
    }

    async fn try_media_came(
        &self,
        app: &Id<App>,
        id: &Id<MediaFile>,
        blob: &Blob,
        media_type: Option<&str>,
        lost: Option<&str>,
    ) -> Result<Option<Placed>, CoreError> {
        let Some(mut read) = self.store.load::<MediaFile>(app, id.as_str()).await? else { return Ok(None) };
        let (file, mut batch) = (&mut read.value, Batch::new(app));
        // Somebody else may have brought it; then it is looked at once more only when it was lost since.
        let has_others = file.digest.as_ref().is_some_and(|digest| *digest != blob.digest);
        if has_others || (file.digest.is_some() && lost.is_none()) {
            return Ok(Some(self.placed(app, read.value).await?));
        }
        let place = self.share(app, file, blob, lost, &mut batch).await?;
        if let Some(media_type) = media_type {
            file.media_type = Some(media_type.to_owned());
        }
        batch.update(&read);
        self.store.commit(batch).await?;
        Ok(Some(Placed { file: read.value, place }))
    }

    async fn placed(&self, app: &Id<App>, file: MediaFile) -> Result<Placed, CoreError> {
        let place = match &file.digest {
            Some(digest) => self.place_of(app, digest).await?,
            None => None,
        };
        let place = place.unwrap_or_else(|| file.id.to_string());
        Ok(Placed { file, place })
    }

    /// Gives a file its bytes. Where they are from now on.
    async fn share(
        &self,
        app: &Id<App>,
        file: &mut MediaFile,
        blob: &Blob,
        lost: Option<&str>,
        batch: &mut Batch,
    ) -> Result<String, CoreError> {
        let found = self.store.load::<Shared>(app, &blob.digest).await?;
        let (version, mut shared) = match found {
            Some(Versioned { version, value }) => (Some(version), value),
            None => {
                let (digest, place) = (blob.digest.clone(), blob.place.clone());
                (None, Shared { digest, place, files: 0 })
            }
        };
        if lost == Some(shared.place.as_str()) {
            shared.place.clone_from(&blob.place);
        }
        if file.digest.is_none() {
            shared.files += 1;
        }
        save(batch, version, &shared);
        file.digest = Some(blob.digest.clone());
        file.size = Some(blob.size);
        Ok(shared.place)
    }

    /// Forgets a file. Where its bytes are, when they are no other file's: a job of the same batch takes them away,
    /// should nobody do so at once. `None` also when it was forgotten before.
    pub async fn forget_media(
        &self,
        app: &Id<App>,
        file: &MediaFile,
        once: Option<&Once<'_, ()>>,
    ) -> Result<Option<String>, CoreError> {
        retried(|| self.try_forget_media(app, file, once)).await
    }

    async fn try_forget_media(
        &self,
        app: &Id<App>,
        file: &MediaFile,
        once: Option<&Once<'_, ()>>,
    ) -> Result<Option<String>, CoreError> {
        let (mut batch, now) = (Batch::new(app), self.clock.now());
        let mut place = None;
        let found = self.store.load::<MediaFile>(app, file.id.as_str()).await?;
        let user = found.as_ref().and_then(|read| read.value.user.clone()).or_else(|| file.user.clone());
        if let Some(read) = found {
            // Nobody brings its bytes meanwhile.
            let expect = Expect::Version(read.version);
            batch.delete_expecting(MediaFile::KIND, read.value.record_id(), expect);
            place = self.unshare(app, &read.value, &mut batch).await?;
        }
        if let Some(user) = user {
            batch.remove(files_of(&user), file.id.as_str());
        }
        if let Some(place) = &place {
            batch.job(NewJob::unlink(app, place, now));
        }
        if let Some(once) = once {
            once.enter(&mut batch, now, &());
        }
        self.store.commit(batch).await?;
        Ok(place)
    }

    /// Takes a file's bytes from it. Where they are, when they are nobody's now.
    async fn unshare(
        &self,
        app: &Id<App>,
        file: &MediaFile,
        batch: &mut Batch,
    ) -> Result<Option<String>, CoreError> {
        let Some(digest) = &file.digest else { return Ok(Some(file.id.to_string())) };
        let Some(mut read) = self.store.load::<Shared>(app, digest).await? else { return Ok(None) };
        let is_last = read.value.files <= 1;
        read.value.files = read.value.files.saturating_sub(1);
        batch.put(Shared::KIND, digest, &read.value, Expect::Version(read.version), None);
        if is_last {
            batch.delete(Shared::KIND, digest);
        }
        Ok(is_last.then_some(read.value.place))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::core::Policy;
    use crate::model::SystemClock;
    use crate::store;

    async fn core() -> Core {
        let clock = Arc::new(SystemClock);
        let store = store::open("embedded::memory:", 1, clock.clone()).await.expect("a store");
        Core::new(store, clock, Policy::lasting(Duration::from_secs(3600)), |_, _| true, Arc::default())
    }

    fn blob(place: usize) -> Blob {
        Blob { place: format!("place {place}"), digest: "d".into(), size: 3 }
    }

    #[tokio::test]
    async fn bytes_go_with_the_last_of_their_files_whoever_comes_meanwhile() {
        let (core, app) = (core().await, Id::new("app"));
        let pass = async |number: usize| {
            let file = MediaFile::new(Id::random(), core.now());
            let kept = core.keep_media(&app, &file, &blob(number), None).await.expect("kept");
            assert_eq!(core.place_of(&app, "d").await.expect("read"), Some(kept.place.clone()));
            let emptied = core.forget_media(&app, &kept.file, None).await.expect("forgotten");
            assert_eq!(core.forget_media(&app, &kept.file, None).await.expect("again"), None);
            (kept.place, emptied)
        };
        let (mut used, mut emptied) = (BTreeSet::new(), Vec::new());
        for round in 0..5_usize {
            let number = |place: usize| round * 4 + place;
            let (a, b, c, d) =
                tokio::join!(pass(number(0)), pass(number(1)), pass(number(2)), pass(number(3)));
            for (place, gone) in [a, b, c, d] {
                used.insert(place);
                emptied.extend(gone);
            }
        }
        emptied.sort();
        assert_eq!(emptied, used.into_iter().collect::<Vec<_>>(), "each place once, and none is left");
        assert_eq!(core.place_of(&app, "d").await.expect("read"), None);
    }

    #[tokio::test]
    async fn bytes_that_were_lost_are_found_where_they_are_now() {
        let (core, app) = (core().await, Id::new("app"));
        let keep = async |place: usize, lost: Option<&str>| {
            let file = MediaFile::new(Id::random(), core.now());
            core.keep_media(&app, &file, &blob(place), lost).await.expect("kept").place
        };
        assert_eq!(keep(1, None).await, "place 1");
        assert_eq!(keep(2, None).await, "place 1", "they are there already");
        assert_eq!(keep(3, Some("place 1")).await, "place 3");
        assert_eq!(core.place_of(&app, "d").await.expect("read").as_deref(), Some("place 3"));
    }

    #[tokio::test]
    async fn a_file_that_was_taken_away_is_not_brought_back() {
        let (core, app) = (core().await, Id::new("app"));
        let file = MediaFile::new(Id::random(), core.now());
        let nobody = core.media_came(&app, &file.id, &blob(1), None, None).await.expect("read");
        assert_eq!(nobody, None);
        let theirs = MediaFile { user: Some(Id::new("erased")), ..file };
        let refused = core.keep_media(&app, &theirs, &blob(1), None).await;
        assert!(matches!(refused, Err(CoreError::NotFound(Thing::User))), "{refused:?}");
        assert_eq!(core.place_of(&app, "d").await.expect("read"), None);
    }
}
