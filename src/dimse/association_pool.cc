// Associations are leased to the threads of searchers and downloaders, which wait here for a free slot. The mutex is
// never held during network I/O.
#include "dimse/association_pool.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/rate_limiter.h"
#include "base/text.h"
#include "trolley/error.h"
#include "trolley/log.h"

namespace trolley {
namespace {

constexpr std::chrono::seconds kGivesWay{1};  // a transfer, to queries
constexpr std::chrono::milliseconds kFirstPause{100};
constexpr std::chrono::milliseconds kLongestPause{2000};

// The peer sends instances to us.
bool IsTransfer(const AssociationRequest& request) {
  return std::any_of(request.contexts.begin(), request.contexts.end(),
                     [](const ProposedContext& context) { return context.scp_role; });
}

// Whether what `request` wants was asked for by `earlier`, too. Where the peer sends to us (C-GET), what else was
// proposed decides in which context it does.
bool Covers(const AssociationRequest& earlier, const AssociationRequest& request) {
  if (IsTransfer(request)) {
    return earlier == request;
  }
  const auto has = [](const auto& all, const auto& one) { return std::find(all.begin(), all.end(), one) != all.end(); };
  return earlier.extended == request.extended &&
         std::all_of(request.contexts.begin(), request.contexts.end(),
                     [&](const ProposedContext& context) { return has(earlier.contexts, context); });
}

}  // namespace

// Leases hold it, too: they may outlive the pool.
struct AssociationLease::Shared {
  struct Idle {
    std::unique_ptr<Association> association;
    Clock::time_point until;
  };

  explicit Shared(DicomPeer called) : peer(std::move(called)) {}

  // Takes a slot, with a kept association when one fits.
  std::unique_ptr<Association> TakeSlot(const AssociationRequest& request, const Context& context, bool fresh);
  void GiveBack(std::unique_ptr<Association> association, bool keep);
  // Releases what nobody wanted for idle_time.
  void Reap(const std::stop_token& stop);

  const DicomPeer peer;
  Mutex mutex;
  StoppableCondition changed;
  size_t in_use TROLLEY_GUARDED_BY(mutex) = 0;
  size_t waiting_queries TROLLEY_GUARDED_BY(mutex) = 0;  // for a slot
  std::deque<Idle> idle TROLLEY_GUARDED_BY(mutex);       // the most recently used one is the last
  bool closed TROLLEY_GUARDED_BY(mutex) = false;
  Clock::duration round_trip TROLLEY_GUARDED_BY(mutex){};  // the shortest measured; zero: none was
  std::optional<std::jthread> reaper TROLLEY_GUARDED_BY(mutex);
};

std::unique_ptr<Association> AssociationLease::Shared::TakeSlot(const AssociationRequest& request,
                                                                const Context& context, bool fresh) {
  std::vector<std::unique_ptr<Association>> unwanted;  // released without the lock
  std::unique_ptr<Association> found;
  {
    MutexLock lock(mutex);
    // Queries come first: they are short, and a transfer loses little by waiting. The limit keeps transfers from
    // starving when queries never end.
    const bool is_query = !IsTransfer(request);
    const auto gives_way_until = Clock::now() + kGivesWay;
    const auto free = [&]() TROLLEY_REQUIRES(mutex) {
      return in_use < std::max<size_t>(peer.max_associations, 1) &&
             (is_query || waiting_queries == 0 || Clock::now() >= gives_way_until);
    };
    waiting_queries += is_query ? 1 : 0;
    const bool got =
        changed.WaitUntil(lock, context.stop, std::min(context.deadline, Clock::now() + std::chrono::hours(24)), free);
    waiting_queries -= is_query ? 1 : 0;
    if (is_query) {
      changed.NotifyAll();
    }
    if (!got) {
      context.Check(StrCat("get an association with ", PeerForLog(peer)).c_str());
      throw Error(ErrorCode::kTimedOut, StrCat("Cannot get an association with ", PeerForLog(peer),
                                               ": all are in use; max_associations may be too low"));
    }
    if (!fresh) {
      // A kept one on which something arrived was closed by the peer.
      for (auto one = idle.rbegin(); one != idle.rend() && !found; ++one) {
        if (Covers(one->association->request(), request) && !one->association->Readable()) {
          found = std::move(one->association);
        }
      }
      std::erase_if(idle, [](const Idle& one) { return one.association == nullptr; });
    }
    if (found == nullptr && !is_query) {
      // Some archives serve few concurrent associations and keep others waiting without a word (Orthanc: 4).
      for (Idle& one : idle) {
        if (!IsTransfer(one.association->request())) {
          unwanted.push_back(std::move(one.association));
        }
      }
      std::erase_if(idle, [](const Idle& one) { return one.association == nullptr; });
    }
    const size_t room = std::max<size_t>(peer.max_associations, 1) - in_use - 1;
    while (idle.size() > room) {
      unwanted.push_back(std::move(idle.front().association));
      idle.pop_front();
    }
    ++in_use;
  }
  for (const auto& association : unwanted) {
    association->Release();
  }
  return found;
}

void AssociationLease::Shared::GiveBack(std::unique_ptr<Association> association, bool keep) {
  if (association && !keep) {
    association->Abort();
  }
  const MutexLock lock(mutex);
  --in_use;
  if (association && !association->broken() && !closed) {  // after the pool's end it is aborted
    idle.push_back({std::move(association), Clock::now() + peer.idle_time});
    if (!reaper) {
      reaper.emplace([this](const std::stop_token& stop) { Reap(stop); });
    }
  }
  changed.NotifyAll();
}

void AssociationLease::Shared::Reap(const std::stop_token& stop) {
  MutexLock lock(mutex);
  while (!stop.stop_requested()) {
    if (idle.empty()) {
      changed.Wait(lock, stop, [this]() TROLLEY_REQUIRES(mutex) { return !idle.empty(); });
      continue;
    }
    const Clock::time_point until = idle.front().until;
    if (Clock::now() < until) {
      changed.WaitUntil(lock, stop, until,
                        [&]() TROLLEY_REQUIRES(mutex) { return idle.empty() || idle.front().until != until; });
      continue;
    }
    const std::unique_ptr<Association> old = std::move(idle.front().association);
    idle.pop_front();
    lock.Unlock();
    old->Release();
    lock.Lock();
  }
}

AssociationLease::AssociationLease(std::shared_ptr<Shared> shared, std::unique_ptr<Association> association, bool fresh)
    : shared_(std::move(shared)), association_(std::move(association)), fresh_(fresh) {}

AssociationLease::AssociationLease(AssociationLease&& other) noexcept = default;

AssociationLease::~AssociationLease() {
  if (shared_) {
    shared_->GiveBack(std::move(association_), keep_);
  }
}

AssociationPool::AssociationPool(DicomPeer peer)
    : shared_(std::make_shared<AssociationLease::Shared>(std::move(peer))) {}

AssociationPool::~AssociationPool() {
  std::deque<AssociationLease::Shared::Idle> idle;
  std::optional<std::jthread> reaper;
  {
    const MutexLock lock(shared_->mutex);
    shared_->closed = true;
    idle.swap(shared_->idle);
    reaper.swap(shared_->reaper);
  }
  reaper.reset();  // joins
  for (const auto& one : idle) {
    one.association->Release();
  }
}

Clock::duration AssociationPool::round_trip() const {
  const MutexLock lock(shared_->mutex);
  return shared_->round_trip;
}

const DicomPeer& AssociationPool::peer() const {
  return shared_->peer;
}

AssociationLease AssociationPool::LeaseOne(const AssociationRequest& request, const Context& context, bool fresh) {
  if (shared_->peer.pace != nullptr) {
    shared_->peer.pace->Wait(context);  // before it takes a slot, which others could use meanwhile
  }
  const Clock::time_point give_up = Clock::now() + shared_->peer.congestion_time;
  std::chrono::milliseconds pause = kFirstPause;
  for (;;) {
    AssociationLease lease(shared_, shared_->TakeSlot(request, context, fresh), false);
    if (lease.association_) {
      return lease;
    }
    try {
      lease.association_ = Association::Open(shared_->peer, request, context);
      lease.fresh_ = true;
      const Clock::duration round_trip = lease->RoundTrip();
      const MutexLock lock(shared_->mutex);
      const bool first = shared_->round_trip == Clock::duration::zero();
      shared_->round_trip = first ? round_trip : std::min(shared_->round_trip, round_trip);
      return lease;
    } catch (const CongestionError& congestion) {
      if (Clock::now() + pause >= give_up) {
        throw;
      }
      LogDebug(StrCat(congestion.what(), "; trying again"));
    }
    // Pauses in its slot: to open others meanwhile would only add to the congestion.
    MutexLock lock(shared_->mutex);
    shared_->changed.WaitUntil(lock, context.stop, std::min(context.deadline, Clock::now() + pause),
                               [] { return false; });
    lock.Unlock();
    context.Check(StrCat("open an association with ", PeerForLog(shared_->peer), ", which is congested").c_str());
    pause = std::min(pause * 2, kLongestPause);
  }
}

AssociationLease AssociationPool::Lease(const AssociationRequest& request, const Context& context) {
  return LeaseOne(request, context, false);
}

AssociationLease AssociationPool::Ask(const AssociationRequest& request, const std::function<void(Association&)>& ask,
                                      const Context& context, const std::function<void(Association&)>& give_up) {
  for (bool fresh = false;; fresh = true) {
    AssociationLease lease = LeaseOne(request, context, fresh);
    try {
      ask(*lease);
      lease->WaitForResponse(context);
      if (!lease.fresh_) {
        lease->CheckAlive(context);
      }
      return lease;
    } catch (const Error& error) {
      if (give_up && !lease->broken()) {
        give_up(*lease);
      }
      if (lease.fresh_ || error.code() != ErrorCode::kUnavailable) {
        throw;
      }
      LogDebug(StrCat(error.what(), "; asking again on a fresh association"));
    }
  }
}

void Echo(AssociationPool& pool, const Context& context) {
  constexpr const char* kVerification = "1.2.840.10008.1.1";
  const AssociationRequest request{{{kVerification, {std::string(kImplicitVrLittleEndian)}}}};
  AssociationLease lease = pool.Ask(
      request,
      [&](Association& association) {
        CommandSet command(dimse::kCEchoRq);
        command.SetUid(dimse::kAffectedSopClassUid, kVerification)
            .SetNumber(dimse::kMessageId, association.NextMessageId());
        association.Send(association.ContextFor(kVerification).id, command, context);
      },
      context);
  const DimseMessage response = lease->ReceiveCommand(context);
  const std::string cannot = StrCat("Cannot verify ", PeerForLog(pool.peer()), ": ");
  if (response.command.field() != dimse::kCEchoRsp) {
    throw Error(ErrorCode::kProtocol, cannot + "the peer sent something other than a C-ECHO response");
  }
  if (response.command.status() != dimse::kSuccess) {
    throw Error(ErrorCode::kProtocol,
                StrCat(cannot, "status ", StatusText(response.command.status()), " ", response.command.Comment()));
  }
  lease.Keep();
}

}  // namespace trolley
