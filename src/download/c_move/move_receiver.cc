// Called from two sides: ExpectedInstances by the thread that downloads, MoveReceiver by the threads of StorageScp, one
// for each association. The sink is never called with the mutex held.
#include "download/c_move/move_receiver.h"

#include <algorithm>
#include <exception>
#include <map>
#include <utility>

#include "base/text.h"
#include "dimse/dimse.h"
#include "download/instance_receiver.h"
#include "trolley/log.h"

namespace trolley {
namespace {

constexpr uint16_t kOutOfResources = 0xA700;  // PS3.4 table B.2-1
constexpr uint16_t kDataSetMismatch = 0xA900;

}  // namespace

// The receiver's mutex guards every member that changes. (An annotation cannot say so: one mutex guards all states.)
struct ExpectedInstances::State {
  explicit State(DownloadSink& s) : sink(s) {}

  DownloadSink& sink;  // used by the thread that has set sink_busy
  bool sink_busy = false;
  std::exception_ptr sink_error;
  std::map<Uid, InstanceReference> wanted;  // not claimed
  size_t claimed = 0;                       // on their way
  size_t received = 0;
  std::optional<uint16_t> message_id;
  Clock::time_point last_activity = Clock::now();
  std::stop_source closing;
  std::stop_source over;

  bool complete() const { return wanted.empty() && claimed == 0; }
};

struct MoveReceiver::Claim {
  std::shared_ptr<State> state;
  InstanceReference instance;
};

// Exclusive use of the sink while it lives. Constructed under the lock, destroyed without it.
class MoveReceiver::Turn {
 public:
  Turn(MoveReceiver& receiver, State& state) TROLLEY_REQUIRES(receiver.mutex_) : receiver_(receiver), state_(state) {
    state.sink_busy = true;
  }
  ~Turn() {
    const MutexLock lock(receiver_.mutex_);
    state_.sink_busy = false;
    receiver_.changed_.NotifyAll();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  MoveReceiver& receiver_;
  State& state_;
};

ExpectedInstances::ExpectedInstances(MoveReceiver& receiver, std::span<const InstanceReference> wanted,
                                     DownloadSink& sink)
    : receiver_(receiver), state_(std::make_shared<State>(sink)) {
  for (const InstanceReference& instance : wanted) {
    state_->wanted.emplace(instance.instance, instance);
  }
  const MutexLock lock(receiver_.mutex_);
  receiver_.expected_.push_back(state_);
}

ExpectedInstances::~ExpectedInstances() {
  {
    const MutexLock lock(receiver_.mutex_);
    std::erase(receiver_.expected_, state_);
  }
  state_->closing.request_stop();
  MutexLock lock(receiver_.mutex_);
  receiver_.changed_.Wait(lock, [&] { return state_->claimed == 0; });
}

uint16_t ExpectedInstances::NewMessageId() {
  const MutexLock lock(receiver_.mutex_);
  receiver_.message_id_ = static_cast<uint16_t>(receiver_.message_id_ % 0xFFFF + 1);
  state_->message_id = receiver_.message_id_;
  return receiver_.message_id_;
}

std::vector<InstanceReference> ExpectedInstances::Remaining() const {
  const MutexLock lock(receiver_.mutex_);
  std::vector<InstanceReference> remaining;
  for (const auto& [uid, instance] : state_->wanted) {
    remaining.push_back(instance);
  }
  return remaining;
}

bool ExpectedInstances::Complete() const {
  const MutexLock lock(receiver_.mutex_);
  return state_->complete();
}

size_t ExpectedInstances::received() const {
  const MutexLock lock(receiver_.mutex_);
  return state_->received;
}

size_t ExpectedInstances::arrived() const {
  const MutexLock lock(receiver_.mutex_);
  return state_->received - state_->claimed;
}

bool ExpectedInstances::some_on_their_way() const {
  const MutexLock lock(receiver_.mutex_);
  return state_->claimed > 0;
}

Clock::time_point ExpectedInstances::last_activity() const {
  const MutexLock lock(receiver_.mutex_);
  return state_->last_activity;
}

std::stop_token ExpectedInstances::over() const {
  return state_->over.get_token();
}

void ExpectedInstances::Check() const {
  const MutexLock lock(receiver_.mutex_);
  if (state_->sink_error) {
    std::rethrow_exception(state_->sink_error);
  }
}

bool ExpectedInstances::AwaitMore(std::chrono::milliseconds patience, const Context& context) {
  MutexLock lock(receiver_.mutex_);
  const size_t before = state_->received - state_->claimed;
  const auto came = [&] { return state_->complete() || state_->received - state_->claimed != before; };
  for (;;) {
    const Clock::time_point patient_until = (state_->claimed > 0 ? Clock::now() : state_->last_activity) + patience;
    if (receiver_.changed_.WaitUntil(lock, context.stop, std::min(patient_until, context.deadline), came)) {
      return true;
    }
    context.Check("wait for instances");
    // An instance on its way ends by itself: its association times out when the peer is silent.
    if (state_->claimed == 0 && Clock::now() >= state_->last_activity + patience) {
      return false;
    }
  }
}

void ExpectedInstances::Report(const InstanceReference& instance, const std::optional<Error>& failure,
                               const Context& context) {
  MutexLock lock(receiver_.mutex_);
  const auto free = [&] { return !state_->sink_busy; };
  while (!receiver_.changed_.WaitUntil(lock, context.stop,
                                       std::min(context.deadline, Clock::now() + std::chrono::hours(1)), free)) {
    context.Check("wait for instances");
  }
  if (state_->wanted.erase(instance.instance) == 0) {
    return;  // it arrived meanwhile
  }
  const MoveReceiver::Turn turn(receiver_, *state_);
  lock.Unlock();
  failure ? state_->sink.OnFailed(instance, *failure) : state_->sink.OnMissing(instance);
}

std::string MoveReceiver::ChooseSyntax(const std::vector<std::string>& proposed) {
  const auto uncompressed = std::find_if(proposed.begin(), proposed.end(), [](const std::string& syntax) {
    return syntax == kExplicitVrLittleEndian || syntax == kImplicitVrLittleEndian;
  });
  const MutexLock lock(mutex_);
  if (uncompressed == proposed.end() || uncompressed == proposed.begin()) {
    return proposed.front();
  }
  had_choice_ = true;
  return prefer_uncompressed_ ? *uncompressed : proposed.front();
}

bool MoveReceiver::prefers_uncompressed() {
  const MutexLock lock(mutex_);
  return prefer_uncompressed_;
}

bool MoveReceiver::ChooseOtherwise(bool preferred_uncompressed) {
  const MutexLock lock(mutex_);
  if (had_choice_ && prefer_uncompressed_ == preferred_uncompressed) {
    prefer_uncompressed_ = !prefer_uncompressed_;
  }
  return had_choice_;
}

uint16_t MoveReceiver::OnStore(const StoreRequest& request, const DataSetReader& read) {
  if (!Uid::Parse(request.sop_class)) {
    LogDebug("Refused an instance without a proper storage class");
    read([](std::span<const std::byte>) {}, {});
    return kDataSetMismatch;
  }
  const std::optional<Claim> claim = ClaimFor(request);
  if (!claim) {
    LogDebug(StrCat("Dropped an instance that was not requested, or is no longer wanted, sent by ",
                    request.calling_aet.empty() ? "an archive" : request.calling_aet));
    read([](std::span<const std::byte>) {}, {});
    return dimse::kSuccess;
  }
  try {
    const uint16_t status = Receive(*claim, request, read);
    Release(*claim);
    return status;
  } catch (...) {
    Release(*claim);
    throw;
  }
}

std::optional<MoveReceiver::Claim> MoveReceiver::ClaimFor(const StoreRequest& request) {
  const std::optional<Uid> uid = Uid::Parse(request.sop_instance);
  const MutexLock lock(mutex_);
  std::shared_ptr<State> chosen;
  std::shared_ptr<State> originator;
  for (const std::shared_ptr<State>& state : expected_) {
    const bool same_id = request.move_originator_id && request.move_originator_id == state->message_id;
    if (uid && state->wanted.contains(*uid) && (!chosen || same_id)) {
      chosen = state;
    }
    if (same_id) {
      originator = state;
    }
  }
  if (!chosen) {
    if (originator) {
      ++originator->received;
      originator->last_activity = Clock::now();
    }
    changed_.NotifyAll();
    return std::nullopt;
  }
  Claim claim{chosen, chosen->wanted.extract(*uid).mapped()};
  ++chosen->claimed;
  ++chosen->received;
  chosen->last_activity = Clock::now();
  return claim;
}

uint16_t MoveReceiver::Receive(const Claim& claim, const StoreRequest& request, const DataSetReader& read) {
  State& state = *claim.state;
  const Context context{state.closing.get_token()};
  MutexLock wait_lock(mutex_);
  if (!changed_.Wait(wait_lock, context.stop, [&] { return !state.sink_busy; }) || state.sink_error) {
    return kOutOfResources;
  }
  const Turn turn(*this, state);
  wait_lock.Unlock();
  // What the sink throws is kept for the thread that downloads.
  bool sink_failed = false;
  const auto in_sink = [&](const auto& function) {
    try {
      function();
    } catch (...) {
      sink_failed = true;
      const MutexLock lock(mutex_);
      state.sink_error = std::current_exception();
    }
  };
  const auto abort_if_sink_failed = [&] {
    if (sink_failed) {
      throw Error(ErrorCode::kCancelled, "Cannot take an instance: its download was given up");
    }
  };
  InstanceReceiver receiver(claim.instance, {claim.instance.instance, request.sop_class, request.transfer_syntax},
                            state.sink);
  const auto fail = [&](const Error& error) {
    if (!sink_failed && !context.stop.stop_requested()) {
      in_sink([&] { receiver.Fail(error); });
    }
  };
  uint16_t status = dimse::kSuccess;
  try {
    read(
        [&](std::span<const std::byte> piece) {
          {
            const MutexLock lock(mutex_);
            state.last_activity = Clock::now();
          }
          in_sink([&] { receiver.Take(piece); });
          abort_if_sink_failed();
        },
        context);
    in_sink([&] {
      if (const std::optional<Error> problem = receiver.Finish()) {
        status = kDataSetMismatch;
        receiver.Fail(*problem);
      }
    });
    abort_if_sink_failed();
  } catch (const Error& error) {
    fail(error);
    throw;
  } catch (const std::exception& error) {  // no memory
    fail(Error(ErrorCode::kStorage, StrCat("Cannot take an instance: ", error.what())));
    throw;
  }
  return status;
}

void MoveReceiver::Release(const Claim& claim) {
  State& state = *claim.state;
  bool over = false;
  {
    const MutexLock lock(mutex_);
    --state.claimed;
    state.last_activity = Clock::now();
    over = state.complete() || state.sink_error;
    changed_.NotifyAll();
  }
  if (over) {
    state.over.request_stop();
  }
}

}  // namespace trolley
