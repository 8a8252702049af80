//! The SDK's errors as ours: the only place that knows what DynamoDB calls them.
//!
//! An error of the SDK is never kept as a source. Its `Debug` prints whole requests and answers, values included,
//! and messages of DynamoDB may quote what they refuse. Its code and the request's id say as much.

use std::{borrow::Cow, error::Error, io};

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_dynamodb::{
    error::{ProvideErrorMetadata, SdkError},
    operation::RequestId,
};
use cloakroom_storage::{ErrorKind, Operation, StorageError};

pub(crate) const BACKEND: &str = "dynamodb";

pub(crate) fn misconfigured(detail: impl Into<Cow<'static, str>>) -> StorageError {
    StorageError::new(ErrorKind::Misconfigured, BACKEND, Operation::Open).with_detail(detail)
}

pub(crate) fn unavailable(operation: Operation, detail: impl Into<Cow<'static, str>>) -> StorageError {
    StorageError::new(ErrorKind::Unavailable, BACKEND, operation).with_detail(detail)
}

/// Whether DynamoDB refused the request for now, and certainly did not carry it out.
pub(crate) fn is_throttled<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    matches!(error, SdkError::ServiceError(refusal) if refusal.err().code().is_some_and(means_throttled))
}

fn means_throttled(code: &str) -> bool {
    matches!(
        code,
        "ProvisionedThroughputExceededException"
            | "RequestLimitExceeded"
            | "Throttling"
            | "ThrottlingException"
            | "TooManyRequestsException"
    )
}

/// The error of a call.
pub(crate) fn failed<E>(operation: Operation, error: &SdkError<E>) -> StorageError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let (kind, detail): (_, Cow<'static, str>) = match error {
        SdkError::ServiceError(refusal) => {
            let status = refusal.raw().status().as_u16();
            let (kind, cure) = meaning(refusal.err().code().unwrap_or_default(), status);
            let code = refusal.err().code().unwrap_or("an error without a code");
            let request = error.request_id().unwrap_or("unknown");
            (kind, format!("{cure} ({code}, status {status}, request {request})").into())
        }
        SdkError::TimeoutError(_) => (ErrorKind::Timeout, "DynamoDB did not answer in time".into()),
        SdkError::DispatchFailure(failure) => match credentials_failure(error) {
            Some(credentials) => without_credentials(credentials),
            None if failure.is_timeout() => {
                (ErrorKind::Unavailable, format!("no connection in time: {}; {REACH}", causes(error)).into())
            }
            None => (ErrorKind::Unavailable, format!("{}; {REACH}", causes(error)).into()),
        },
        SdkError::ResponseError(_) => {
            (ErrorKind::Unavailable, "what answered is not DynamoDB, or broke off; check `endpoint`".into())
        }
        SdkError::ConstructionFailure(_) => match credentials_failure(error) {
            Some(credentials) => without_credentials(credentials),
            None => {
                (ErrorKind::Misconfigured, "no request could be made; check `region` and `endpoint`".into())
            }
        },
        _ => (ErrorKind::Other, "the AWS SDK failed".into()),
    };
    StorageError::new(kind, BACKEND, operation).with_detail(detail)
}

const REACH: &str = "check `region` and `endpoint`, and that this machine can reach it";

/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>
fn meaning(code: &str, status: u16) -> (ErrorKind, &'static str) {
    match code {
        code if means_throttled(code) => (
            ErrorKind::Unavailable,
            "DynamoDB throttles the table; use on-demand billing, raise its capacity, or a larger touch slack",
        ),
        "AccessDeniedException" => (
            ErrorKind::Misconfigured,
            "the credentials do not permit this; on the table they need dynamodb:DescribeTable, DescribeTimeToLive, \
             GetItem, PutItem, UpdateItem, DeleteItem, BatchWriteItem and Scan, and CreateTable and UpdateTimeToLive \
             unless `create_table` is false",
        ),
        "ExpiredToken" | "ExpiredTokenException" => {
            (ErrorKind::Misconfigured, "the credentials have expired; renew them")
        }
        "IncompleteSignature"
        | "IncompleteSignatureException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClientException" => (
            ErrorKind::Misconfigured,
            "the credentials are refused; check access key, secret key and region, and that this machine's clock \
             is right",
        ),
        "ResourceNotFoundException" | "TableNotFoundException" => (
            ErrorKind::Misconfigured,
            "the table is gone, or not in this region; connect again to have it created",
        ),
        "ConditionalCheckFailedException" => (ErrorKind::Other, "an unexpected condition failed"),
        "ReplicatedWriteConflictException"
        | "TransactionConflictException"
        | "TransactionInProgressException" => {
            (ErrorKind::Unavailable, "another write of the same item is under way")
        }
        "LimitExceededException" => (
            ErrorKind::Unavailable,
            "too many tables are being created or changed in this account; try again later",
        ),
        "ValidationException" => {
            (ErrorKind::Other, "DynamoDB refuses the request; is the table's key still as it was?")
        }
        _ if status >= 500 => (ErrorKind::Unavailable, "DynamoDB has a fault of its own for now"),
        "" => (ErrorKind::Other, "what answered is perhaps not DynamoDB; check `endpoint`"),
        _ => (ErrorKind::Other, "DynamoDB refuses the request"),
    }
}

fn without_credentials(error: &CredentialsError) -> (ErrorKind, Cow<'static, str>) {
    const CURE: &str = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a `profile`, or give the machine a \
         role; `aws sts get-caller-identity` in the same environment shows more";
    let (kind, what) = match error {
        CredentialsError::CredentialsNotLoaded(_) => {
            (ErrorKind::Misconfigured, "no AWS credentials were found")
        }
        CredentialsError::InvalidConfiguration(_) => {
            (ErrorKind::Misconfigured, "the AWS profile cannot be used as it is configured")
        }
        CredentialsError::ProviderTimedOut(_) => {
            (ErrorKind::Unavailable, "AWS credentials could not be had in time")
        }
        _ => (ErrorKind::Unavailable, "AWS credentials could not be had"),
    };
    (kind, format!("{what}; {CURE}").into())
}

fn credentials_failure<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a CredentialsError> {
    chain(error).find_map(|cause| cause.downcast_ref())
}

/// Why a connection failed. The texts of errors below HTTP name hosts, and nothing of a request.
fn causes(error: &(dyn Error + 'static)) -> String {
    let io = chain(error).find_map(|cause| cause.downcast_ref::<io::Error>());
    let last = chain(error).last().map(ToString::to_string);
    io.map(ToString::to_string).or(last).unwrap_or_else(|| "the connection failed".to_owned())
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}
