//! Who may carry a certificate for somebody else.

use harness::stack::Stack;

#[tokio::test]
async fn from_an_edge_the_header_counts() {
    let stack = Stack::with("hop.yaml").start().await;
    let answer = stack.edge("public").cert("alice").get("/mtls").await;
    assert_eq!(answer.status, 200, "{answer:?}");
}
