#ifndef TROLLEY_DOWNLOAD_MOVE_RECEIVER_H_
#define TROLLEY_DOWNLOAD_MOVE_RECEIVER_H_

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/context.h"
#include "dicom/references.h"
#include "download/downloader.h"
#include "net/storage_scp.h"

namespace trolley {

class MoveReceiver;

// What one C-MOVE asked for, while it arrives. Instances are handed to the sink one after another, whatever the number
// of associations; an association whose turn has not come is not read from. Used by the thread that downloads.
class ExpectedInstances {
 public:
  // `wanted` of one series. The sink is used by the receiver's threads until this goes away.
  ExpectedInstances(MoveReceiver& receiver, std::span<const InstanceReference> wanted, DownloadSink& sink);
  ~ExpectedInstances();  // what arrives from now on is dropped; waits until the sink is left alone
  ExpectedInstances(const ExpectedInstances&) = delete;
  ExpectedInstances& operator=(const ExpectedInstances&) = delete;

  // The message ID of the request that brings them, to tell moves apart that ask for the same.
  void Begin(uint16_t message_id);
  // Of which the sink was told nothing, and which are not on their way.
  std::vector<InstanceReference> Remaining() const;
  // Objects that came on account of the request since Begin, also those that were not wanted.
  size_t received() const;
  Clock::time_point last_activity() const;
  // The class that instances came in; "" when none came.
  std::string sop_class() const;
  // Requested when there is something to look at: all have arrived, or the sink threw.
  std::stop_token changed() const;
  bool complete() const;
  // Throws what the sink threw.
  void Check() const;
  // Waits until something arrived since `received` was the count, all did, or `until`.
  void WaitForMore(size_t received, const Context& context, Clock::time_point until);
  // Tells the sink what became of a remaining instance; nullopt: the archive has none.
  void Tell(const InstanceReference& instance, const std::optional<Error>& failure);

 private:
  friend class MoveReceiver;
  struct State;
  MoveReceiver& receiver_;
  const std::shared_ptr<State> state_;
};

// Sorts what archives send to us to those who asked for it: by SOPInstanceUID, and by the C-MOVE's message ID where
// several asked. What nobody asked for, or not any longer, is dropped.
class MoveReceiver : public StoreHandler {
 public:
  uint16_t OnStore(const StoreRequest& request, const DataSetReader& read) override;

 private:
  friend class ExpectedInstances;
  struct Claim;

  std::optional<Claim> ClaimFor(const StoreRequest& request);
  uint16_t Receive(const Claim& claim, const StoreRequest& request, const DataSetReader& read);

  mutable std::mutex mutex_;  // of this and of all states
  std::condition_variable_any changed_;
  std::vector<std::shared_ptr<ExpectedInstances::State>> expected_;
};

}  // namespace trolley

#endif  // TROLLEY_DOWNLOAD_MOVE_RECEIVER_H_
