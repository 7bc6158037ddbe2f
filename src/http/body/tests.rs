//! The gate at its limits, and against bodies made to hurt.

use actix_web::{FromRequest, test::TestRequest, web};
use flate2::{Compression, write::GzEncoder};

use super::*;

const LIMIT: usize = 4_096;

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}

async fn gate(headers: &[(&str, &str)], body: Vec<u8>) -> Result<Bytes, Problem> {
    let mut request = TestRequest::post().set_payload(body);
    for header in headers {
        request = request.insert_header(*header);
    }
    let (request, mut payload) = request.to_http_parts();
    read(&request, &mut payload, LIMIT).await
}

const GZIP: (&str, &str) = ("content-encoding", "gzip");

fn too_large(encoding: Encoding) -> Result<Bytes, Problem> {
    Err(Problem::BodyTooLarge { limit: LIMIT, encoding })
}

#[actix_web::test]
async fn h10_a_body_at_the_limit_passes_and_one_byte_more_does_not() {
    let body = noise(LIMIT + 1);
    assert_eq!(gate(&[], body[..LIMIT].to_vec()).await.unwrap(), body[..LIMIT]);
    assert_eq!(gate(&[], body.clone()).await, too_large(Encoding::Raw));
    let squeezable = vec![b'a'; LIMIT + 1];
    assert_eq!(gate(&[GZIP], gzipped(&squeezable[..LIMIT])).await.unwrap(), squeezable[..LIMIT]);
    assert_eq!(gate(&[GZIP], gzipped(&squeezable)).await, too_large(Encoding::Gzip));
}

#[actix_web::test]
async fn h10_a_declared_length_over_the_limit_is_refused_before_a_byte_is_read() {
    let declared = ("content-length", "4097");
    let (request, _) = TestRequest::post().insert_header(declared).to_http_parts();
    // A payload that never yields anything: only a refusal by the header can end this.
    let mut payload = web::Payload::extract(&request).await.unwrap().into_inner();
    assert_eq!(read(&request, &mut payload, LIMIT).await, too_large(Encoding::Raw));
    assert_eq!(gate(&[declared, GZIP], Vec::new()).await, too_large(Encoding::Gzip));
}

#[actix_web::test]
async fn h11_only_identity_and_gzip_are_read_and_brotli_loses_before_size_does() {
    for fine in ["identity", "IDENTITY", "", " identity "] {
        assert_eq!(gate(&[("content-encoding", fine)], b"x".to_vec()).await.unwrap(), "x", "{fine}");
    }
    assert_eq!(gate(&[("content-encoding", "GZip")], gzipped(b"x")).await.unwrap(), "x");
    for unknown in ["br", "deflate", "zstd", "gzip, gzip", "x-gzip"] {
        let refused = gate(&[("content-encoding", unknown)], b"x".to_vec()).await;
        assert_eq!(refused, Err(Problem::UnsupportedEncoding), "{unknown}");
    }
    let huge = ("content-length", "5000000");
    assert_eq!(gate(&[huge, ("content-encoding", "br")], Vec::new()).await, Err(Problem::UnsupportedEncoding));
    assert_eq!(gate(&[huge, ("content-encoding", "zstd")], Vec::new()).await, too_large(Encoding::Raw));
}

#[actix_web::test]
async fn h11_a_gzip_bomb_is_stopped_at_the_limit() {
    let bomb = gzipped(&vec![0; 4 * 1024 * 1024]);
    let mut inflater = Inflater::new(64 * 1024);
    assert!(bomb.len() < 64 * 1024, "the bomb must pass the gate as compressed bytes");
    assert_eq!(inflater.push(&bomb), Err(Problem::BodyTooLarge { limit: 64 * 1024, encoding: Encoding::Gzip }));
    assert!(inflater.decoder.get_ref().inflated.len() <= 64 * 1024);
}

#[actix_web::test]
async fn h11_a_stream_that_inflates_to_nothing_for_ever_is_bounded_by_its_own_bytes() {
    // A member without content, over and over.
    let empty = gzipped(b"");
    let endless: Vec<u8> = empty.iter().copied().cycle().take(empty.len() * (LIMIT / empty.len() + 2)).collect();
    assert_eq!(gate(&[GZIP], endless).await, too_large(Encoding::Gzip));
}

#[actix_web::test]
async fn h11_broken_and_cut_off_gzip_is_a_client_error_at_every_length() {
    let whole = gzipped(&noise(600));
    for cut in 0..whole.len() {
        assert_eq!(gate(&[GZIP], whole[..cut].to_vec()).await, Err(Problem::InvalidGzip), "cut at {cut}");
    }
    let mut wrong_sum = whole.clone();
    let at = wrong_sum.len() - 6;
    wrong_sum[at] ^= 1;
    assert_eq!(gate(&[GZIP], wrong_sum).await, Err(Problem::InvalidGzip));
    assert_eq!(gate(&[GZIP], b"{\"state\":{}}".to_vec()).await, Err(Problem::InvalidGzip));
    let mut trailing = whole.clone();
    trailing.extend_from_slice(b"garbage");
    assert_eq!(gate(&[GZIP], trailing).await, Err(Problem::InvalidGzip));
}

#[actix_web::test]
async fn h11_members_one_after_another_are_one_body() {
    let mut two = gzipped(b"one ");
    two.extend_from_slice(&gzipped(b"two"));
    assert_eq!(gate(&[GZIP], two).await.unwrap(), "one two");
}

#[test]
fn h11_chunks_may_be_cut_anywhere() {
    let text = noise(700);
    let packed = gzipped(&text);
    for size in [1, 2, 3, 7, 10, 11, 64] {
        let mut inflater = Inflater::new(LIMIT);
        packed.chunks(size).for_each(|chunk| inflater.push(chunk).unwrap());
        assert_eq!(inflater.finish().unwrap(), text, "chunks of {size}");
    }
}
