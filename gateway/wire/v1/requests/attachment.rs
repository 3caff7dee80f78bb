//! Naming an uploaded file.

use crate::wire::Invalid;
use crate::wire::given::{Given, document};

/// Characters of an address.
const URL_MAX: usize = 2048;

/// `POST …/attachments/remove` and `POST …/attachments/token`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachmentAddress {
    /// The address that the upload was answered with.
    pub media_url: String,
}

impl AttachmentAddress {
    /// Reads a request's body.
    pub fn parse(body: &[u8]) -> Result<AttachmentAddress, Invalid> {
        let document = document(body)?;
        let given = Given::root(&document);
        Ok(AttachmentAddress { media_url: given.required("mediaUrl", |url| url.filled_within(URL_MAX))? })
    }
}
