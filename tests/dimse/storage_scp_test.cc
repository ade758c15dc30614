#include "dimse/storage_scp.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "dimse/association_pool.h"
#include "support/sockets.h"
#include "trolley/error.h"

namespace trolley {
namespace {

using namespace std::chrono_literals;

class Nobody : public StoreHandler {
 public:
  uint16_t OnStore(const StoreRequest&, const DataSetReader&) override { return 0; }
};

class StorageScpTest : public testing::Test {
 protected:
  StorageScpOptions Options() const {
    StorageScpOptions options;
    options.bind_address = "127.0.0.1";
    options.max_associations = 2;
    return options;
  }
  static DicomPeer PeerOf(const StorageScp& scp) {
    DicomPeer peer;
    peer.host = "127.0.0.1";
    peer.port = scp.port();
    return peer;
  }

  Nobody handler_;
};

TEST_F(StorageScpTest, WhoSaysNothingGivesItsPlaceToOthers) {
  StorageScpOptions options = Options();
  options.negotiation_timeout = 100ms;
  StorageScp scp(options, handler_);
  const UniqueFd silent = ConnectToLoopback(scp.port());
  const UniqueFd babbling = ConnectToLoopback(scp.port());
  SendAll(babbling.get(), std::string("\1\0\0\0\4", 5), -1);
  AssociationPool pool(PeerOf(scp));
  EXPECT_NO_THROW(Echo(pool, Context::WithTimeout(10s)));
}

TEST_F(StorageScpTest, WhoStoresNothingGivesItsPlaceToOthers) {
  StorageScpOptions options = Options();
  options.idle_time = 100ms;
  StorageScp scp(options, handler_);
  const AssociationRequest request{{{"1.2.840.10008.1.1", {"1.2.840.10008.1.2"}}}};
  const auto one = Association::Open(PeerOf(scp), request, Context::WithTimeout(10s));
  const auto two = Association::Open(PeerOf(scp), request, Context::WithTimeout(10s));
  AssociationPool pool(PeerOf(scp));
  EXPECT_NO_THROW(Echo(pool, Context::WithTimeout(10s)));
}

}  // namespace
}  // namespace trolley
