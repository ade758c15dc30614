#ifndef TROLLEY_DOWNLOAD_C_MOVE_MOVE_RECEIVER_H_
#define TROLLEY_DOWNLOAD_C_MOVE_MOVE_RECEIVER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "dimse/storage_scp.h"
#include "trolley/context.h"
#include "trolley/downloader.h"
#include "trolley/error.h"
#include "trolley/references.h"

namespace trolley {

class MoveReceiver;

// The instances that one C-MOVE requested, while they arrive. The sink gets them one after another, whatever the number
// of associations; an association is read only when its turn has come. Used by the thread that downloads.
class ExpectedInstances {
 public:
  // `wanted` of one series. The receiver's threads use the sink as long as this lives.
  ExpectedInstances(MoveReceiver& receiver, std::span<const InstanceReference> wanted, DownloadSink& sink);
  ~ExpectedInstances();  // drops later arrivals; waits until no thread uses the sink
  ExpectedInstances(const ExpectedInstances&) = delete;
  ExpectedInstances& operator=(const ExpectedInstances&) = delete;

  // A message ID for the request that brings them, unique among current requests: it distinguishes requests for the
  // same instance.
  uint16_t NewMessageId();
  // Neither reported to the sink yet nor on their way.
  std::vector<InstanceReference> Remaining() const;
  // Nothing remains and nothing is on its way.
  bool Complete() const;
  // Objects that came, also those that were not wanted (any more).
  size_t received() const;
  // Those of them that are no longer on their way.
  size_t arrived() const;
  bool some_on_their_way() const;
  Clock::time_point last_activity() const;
  // Stop is requested when all is complete or the sink has thrown.
  std::stop_token over() const;
  // Rethrows the sink's exception.
  void Check() const;
  // Waits until another object came whole, or nothing has come for `patience`: false. Throws when the context ends.
  bool AwaitMore(std::chrono::milliseconds patience, const Context& context);
  // Reports the outcome of a remaining instance to the sink; nullopt: the archive has none. Throws when the context
  // ends before the sink is free.
  void Report(const InstanceReference& instance, const std::optional<Error>& failure, const Context& context);

 private:
  friend class MoveReceiver;
  struct State;
  MoveReceiver& receiver_;
  const std::shared_ptr<State> state_;
};

// Gives each instance that an archive sends to the download that requested it: by SOPInstanceUID, and by the C-MOVE's
// message ID where several requested the same. Drops instances that no download wants (any more). Thread-safe.
class MoveReceiver : public StoreHandler {
 public:
  // An archive that offers several syntaxes in one context and cannot convert fails what is stored in another one: then
  // the other choice is worth a try. The first syntax is the archive's own preference, mostly a compressed one.
  std::string ChooseSyntax(const std::vector<std::string>& proposed) override;
  bool prefers_uncompressed();
  // Call it after a failure with that preference. True when an archive offered a choice that would turn out otherwise
  // now, by this or since another one failed.
  bool ChooseOtherwise(bool preferred_uncompressed);
  uint16_t OnStore(const StoreRequest& request, const DataSetReader& read) override;

 private:
  friend class ExpectedInstances;
  using State = ExpectedInstances::State;
  struct Claim;
  class Turn;

  std::optional<Claim> ClaimFor(const StoreRequest& request);
  uint16_t Receive(const Claim& claim, const StoreRequest& request, const DataSetReader& read);
  void Release(const Claim& claim);

  Mutex mutex_;  // also guards the contents of all states
  StoppableCondition changed_;
  std::vector<std::shared_ptr<State>> expected_ TROLLEY_GUARDED_BY(mutex_);
  bool prefer_uncompressed_ TROLLEY_GUARDED_BY(mutex_) = false;
  bool had_choice_ TROLLEY_GUARDED_BY(mutex_) = false;
  uint16_t message_id_ TROLLEY_GUARDED_BY(mutex_) = 0;  // the latest
};

}  // namespace trolley

#endif  // TROLLEY_DOWNLOAD_C_MOVE_MOVE_RECEIVER_H_
