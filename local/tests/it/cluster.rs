//! The NATS cluster as this crate runs it.

use local::nats_cluster::{NODES, NatsCluster, NatsClusterSpec};
use local::tools;

#[tokio::test]
async fn a_node_that_was_killed_comes_back_to_its_cluster() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = NatsCluster::start(&NatsClusterSpec {
        program: tools::find_nats_server().unwrap(),
        store: folder.path().join("store"),
        logs: folder.path().to_owned(),
        listener: None,
    })
    .await
    .unwrap();
    assert_eq!(cluster.nodes().len(), NODES);
    let node = cluster.node_mut(1);
    let address = node.address();
    node.kill().await;
    node.restart().await.unwrap();
    node.wait_healthy().await.unwrap();
    assert_eq!(node.address(), address);
    cluster.stop().await.unwrap();
}
