//! Bodies on their way through: streamed, with the back-pressure of the side that reads.

mod answer;
mod upload;

use std::time::Duration;

pub use self::answer::{Ending, Observer, ResponseBody};
pub use self::upload::{Progress, RequestBody, UploadLimits, UploadStage};

/// A body that could not be passed on.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The side that sends it failed or went away.
    #[error("the body was cut off: {0}")]
    CutOff(#[source] hyper::Error),
    /// The side that sends it fell silent for longer than its timeout.
    #[error("no byte of the body arrived within {} s", .0.as_secs_f32())]
    Stalled(Duration),
    /// Longer than the limit in force.
    #[error("the body is longer than {0} bytes")]
    TooLong(u64),
    /// Whoever asked for it may not have the rest.
    #[error("the right to the rest of the body was withdrawn")]
    Withdrawn,
}
