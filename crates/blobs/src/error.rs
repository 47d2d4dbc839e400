//! What can go wrong with a blob store, in the few classes that callers treat differently.

/// A failed call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("the file is gone")]
    Gone,
    #[error("the file is not the one that was stored")]
    Changed,
    #[error("the blob store is full")]
    Full,
    /// May work later, without anybody's doing.
    #[error("the blob store cannot be reached: {0}")]
    Unreachable(String),
    /// Will not work until somebody changes something.
    #[error("the blob store refused: {0}")]
    Refused(String),
    /// The caller went on with an upload after one of its writes failed.
    #[error("an earlier write of this upload was lost")]
    Incomplete,
}

/// A store that cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    #[error("`{0}` names no blob store; allowed are `file:<path>` and `s3://bucket[/prefix]`")]
    Unknown(String),
    #[error("`{value}` is no valid {what}")]
    Invalid { what: &'static str, value: String },
    #[error("this build holds no S3; build with `--features services` (images have it)")]
    NotBuilt,
    #[error("S3 needs credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")]
    NoCredentials,
    #[error(transparent)]
    Store(#[from] Error),
}
