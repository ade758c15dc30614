#ifndef TROLLEY_DIMSE_STORAGE_SCP_H_
#define TROLLEY_DIMSE_STORAGE_SCP_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "trolley/context.h"

namespace trolley {

// A C-STORE request, PS3.7 §9.3.1.1.
struct StoreRequest {
  std::string sop_class;
  std::string sop_instance;
  std::string transfer_syntax;
  std::string calling_aet;
  std::string move_originator_aet;                  // when it comes of a C-MOVE
  std::optional<uint16_t> move_originator_id = {};  // the C-MOVE's message ID
};

// Gives the data set to `take` as it arrives, byte for byte. Errors as from Association::ReceiveDataSet; exceptions of
// `take` pass through.
using DataSetReader =
    std::function<void(const std::function<void(std::span<const std::byte>)>& take, const Context& context)>;

// Receives the instances. Called from several threads, one for each association.
class StoreHandler {
 public:
  virtual ~StoreHandler() = default;
  // Returns the one of the `proposed` transfer syntaxes (at least one) in which to accept a presentation context.
  virtual std::string ChooseSyntax(const std::vector<std::string>& proposed) { return proposed.front(); }
  // Returns the status of the response (0000: stored). The unread rest of the data set is dropped. An exception
  // aborts the association.
  virtual uint16_t OnStore(const StoreRequest& request, const DataSetReader& read) = 0;
};

struct StorageScpOptions {
  std::string bind_address;     // numeric; empty: all interfaces
  std::string called_aet = {};  // peers that call another title are rejected; empty: any title is accepted
  uint16_t port = 0;            // 0: any free one
  uint32_t max_pdu = 131072;
  std::chrono::milliseconds stall_timeout{60000};        // without a byte; then the association is aborted
  std::chrono::milliseconds negotiation_timeout{10000};  // from the connection to the association request
  std::chrono::milliseconds idle_time{60000};            // between two instances
  size_t max_associations = 16;                          // concurrently; more have to wait
};

// Listens for archives that send us instances: takes every storage class, also unknown and private ones, and
// responds to C-ECHO. Serves several associations concurrently. The sender is not checked beyond the title that it
// calls: the handler has to know what it requested.
class StorageScp {
 public:
  // Throws kUnavailable when the port is in use, kInvalidArgument for a bad address. `handler` must outlive it.
  StorageScp(StorageScpOptions options, StoreHandler& handler);
  ~StorageScp();  // ends all associations
  StorageScp(const StorageScp&) = delete;
  StorageScp& operator=(const StorageScp&) = delete;

  uint16_t port() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace trolley

#endif  // TROLLEY_DIMSE_STORAGE_SCP_H_
