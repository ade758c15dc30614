// MakeCMoveDownloader() of downloaders.h: C-MOVE to our own storage SCP. The thread that calls Download sends the
// request and waits; the instances arrive on the SCP's threads, in move_receiver.h. The final response is not trusted:
// archives send it before the last instance, or never.
#include <algorithm>
#include <span>
#include <stop_token>
#include <utility>
#include <vector>

#include "base/text.h"
#include "dimse/association_pool.h"
#include "dimse/storage_scp.h"
#include "download/c_move/move_receiver.h"
#include "download/retrieve.h"
#include "download/series_batch.h"
#include "trolley/downloaders.h"
#include "trolley/error.h"
#include "trolley/log.h"

namespace trolley {
namespace {

constexpr uint16_t kUnknownDestination = 0xA801;

using Instances = std::vector<InstanceReference>;

CMoveOptions Checked(CMoveOptions options) {
  if (options.move_aet.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "Cannot use C-MOVE: no move_aet is configured, the AE title that the archive knows us by");
  }
  return options;
}

StorageScpOptions ScpOptions(const CMoveOptions& options, const DicomPeer& peer) {
  StorageScpOptions scp;
  scp.bind_address = options.bind_address;
  scp.called_aet = options.move_aet;
  scp.port = options.move_port;
  scp.max_pdu = peer.max_pdu;
  scp.stall_timeout = peer.stall_timeout;
  return scp;
}

// Fetches some instances of one series.
class Fetch {
 public:
  Fetch(const CMoveOptions& options, uint16_t port, AssociationPool& pool, MoveReceiver& receiver,
        SeriesReference series, std::span<const InstanceReference> wanted, DownloadSink& sink, const Context& context)
      : options_(options),
        model_(options.patient_root ? PatientRoot() : StudyRoot()),
        port_(port),
        pool_(pool),
        series_(std::move(series)),
        receiver_(receiver),
        expected_(receiver, wanted, sink),
        context_(context) {}

  void Run(bool whole_series) {
    const bool preference = receiver_.prefers_uncompressed();
    RetrieveResult result = Move(whole_series ? Instances() : expected_.Remaining());
    if (!expected_.Complete() && result.sub_operations_failed() && receiver_.ChooseOtherwise(preference)) {
      result = Move(expected_.Remaining());
    }
    if (!expected_.Complete()) {
      Finish(result);
    }
    while (expected_.some_on_their_way()) {  // arrived in the meantime
      expected_.AwaitMore(options_.late, context_);
    }
    expected_.Check();
  }

 private:
  std::string Doing() const { return StrCat("download instances of series ", series_.series.str()); }

  // Requests `instances`, or the whole series when there are none, and waits for them.
  RetrieveResult Move(const Instances& instances) {
    const RetrieveResult result = Request(RetrieveIdentifier(series_, instances));
    was_silent_ = IsSilent();
    if (result.status == kUnknownDestination) {
      throw Error(ErrorCode::kProtocol,
                  StrCat(ResultError(result, Doing()).what(), " (AE title ", options_.move_aet, ", port ", port_, ")"));
    }
    // Some archives are done before the last instances have arrived.
    while (!expected_.Complete() && (expected_.some_on_their_way() || MoreIsDue(result)) &&
           expected_.AwaitMore(options_.late, context_)) {
    }
    expected_.Check();
    return result;
  }

  bool MoreIsDue(const RetrieveResult& result) const {
    const bool sent = result.status == dimse::kSuccess || result.sub_operations_failed();
    return sent && (!result.counted || expected_.arrived() < result.completed + result.warnings);
  }

  RetrieveResult Request(const std::string& identifier) {
    const AssociationRequest request{{{std::string(model_.move), {std::string(kImplicitVrLittleEndian)}}}};
    for (bool again = false;; again = true) {
      const size_t received = expected_.received();
      AssociationLease lease = pool_.Lease(request, context_);
      try {
        return Converse(lease, identifier);
      } catch (const Error& error) {
        // The archive may have closed an idle association just when it was used.
        if (again || error.code() != ErrorCode::kUnavailable || expected_.received() != received) {
          throw;
        }
        LogDebug(StrCat(error.what(), "; requesting again"));
      }
    }
  }

  RetrieveResult Converse(AssociationLease& lease, const std::string& identifier) {
    const uint8_t context_id = lease->ContextFor(model_.move).id;
    const uint16_t message_id = expected_.NewMessageId();
    CommandSet command(dimse::kCMoveRq);
    command.SetUid(dimse::kAffectedSopClassUid, model_.move)
        .SetNumber(dimse::kMessageId, message_id)
        .SetNumber(dimse::kPriority, 0)
        .SetText(dimse::kMoveDestination, options_.move_aet);
    lease->Send(context_id, command, identifier, context_);
    try {
      while (AwaitResponse(*lease)) {
        const DimseMessage message = lease->ReceiveCommand(context_);
        if (message.command.field() != dimse::kCMoveRsp ||
            message.command.Number(dimse::kMessageIdBeingRespondedTo) != message_id) {
          throw Error(ErrorCode::kProtocol, StrCat("Cannot ", Doing(), ": the archive responded with something else"));
        }
        if (!IsPending(message.command)) {
          RetrieveResult result = ReadResult(*lease, message, context_);
          lease.Keep();
          return result;
        }
      }
      return {};  // all have arrived
    } catch (...) {
      Cancel(*lease, context_id, message_id);
      throw;
    }
  }

  // Waits for the archive's response, which may take long while it sends. False: all instances have arrived, and the
  // archive does not report it.
  bool AwaitResponse(Association& association) {
    std::stop_source wake;
    const std::stop_callback on_stop(context_.stop, [&wake] { wake.request_stop(); });
    const std::stop_callback on_over(expected_.over(), [&wake] { wake.request_stop(); });
    requested_at_ = Clock::now();
    for (;;) {
      expected_.Check();
      const bool complete = expected_.Complete();
      constexpr std::chrono::seconds kStep{1};
      const Clock::time_point until = Clock::now() + (complete ? options_.late : kStep);
      try {
        association.WaitForResponse({complete ? context_.stop : wake.get_token(), std::min(until, context_.deadline)});
        return true;
      } catch (const Error& error) {
        if (error.code() != ErrorCode::kTimedOut && error.code() != ErrorCode::kCancelled) {
          throw;
        }
      }
      context_.Check(Doing().c_str());
      if (complete) {
        return false;
      }
      // An instance on its way has its own association with its own timeout; our sink may be slow, too.
      if (!expected_.some_on_their_way() && IsSilent()) {
        throw Silence();
      }
    }
  }

  bool IsSilent() const {
    return Clock::now() - std::max(requested_at_, expected_.last_activity()) >= pool_.peer().stall_timeout;
  }

  Error Silence() const {
    return {ErrorCode::kTimedOut,
            StrCat("Cannot ", Doing(), ": the archive neither sent an instance nor responded for ",
                   pool_.peer().stall_timeout.count(), " ms")};
  }

  static void Cancel(Association& association, uint8_t context_id, uint16_t message_id) noexcept {
    try {
      if (!association.broken()) {
        association.SendCancel(context_id, message_id, Context::WithTimeout(std::chrono::milliseconds(200)));
      }
    } catch (const std::exception&) {  // it is aborted anyway
    }
  }

  // Finds out why instances did not arrive: they do not exist, or failed.
  void Finish(const RetrieveResult& result) {
    const Instances remaining = expected_.Remaining();
    if (remaining.empty()) {
      return;
    }
    const std::optional<SopClasses> found = FindSopClasses(pool_, model_, series_, remaining, context_);
    for (const InstanceReference& instance : remaining) {
      if (!found && remaining.size() > 1) {
        FinishOne(instance, Move({instance}));
      } else if (!found) {
        FinishOne(instance, result);
      } else if (!found->contains(instance.instance) && !result.failed_instances.contains(instance.instance) &&
                 (remaining.size() == 1 || IsAbsent(instance))) {
        expected_.Report(instance, std::nullopt, context_);
      } else {
        expected_.Report(instance, Reason(result), context_);
      }
    }
  }

  // `result` of a request for this instance.
  void FinishOne(const InstanceReference& instance, const RetrieveResult& result) {
    expected_.Report(instance, result.nothing_to_send() ? std::nullopt : std::optional(Reason(result)), context_);
  }

  // Archives that do not match lists of UIDs respond to a single one.
  bool IsAbsent(const InstanceReference& instance) const {
    const auto found = FindSopClasses(pool_, model_, series_, {&instance, 1}, context_);
    return found && found->empty();
  }

  Error Reason(const RetrieveResult& result) const {
    if (was_silent_) {
      return Silence();  // its association to us timed out just before this one
    }
    const Error error = ResultError(result, Doing());
    return {error.code(), StrCat(error.what(), "; what did not arrive at AE title ", options_.move_aet, ", port ",
                                 port_, ", is missing: check that the archive can reach it")};
  }

  const CMoveOptions& options_;
  const RetrieveModel& model_;
  const uint16_t port_;
  AssociationPool& pool_;
  const SeriesReference series_;
  MoveReceiver& receiver_;
  ExpectedInstances expected_;
  const Context& context_;
  Clock::time_point requested_at_;
  bool was_silent_ = false;  // at the latest response
};

class CMove : public Downloader {
 public:
  CMove(CMoveOptions options, std::shared_ptr<AssociationPool> pool)
      : options_(Checked(std::move(options))),
        pool_(std::move(pool)),
        scp_(ScpOptions(options_, pool_->peer()), receiver_) {
    LogInfo(StrCat("Listening for instances on port ", scp_.port(), " as ", options_.move_aet));
  }

  Capabilities capabilities() const override { return {.batching = Capabilities::Batching::kList}; }

  void Download(std::span<const InstanceReference> instances, DownloadSink& sink, const Context& context) override {
    for (const SeriesBatch& batch : GroupBySeries(instances)) {
      const std::span<const InstanceReference> all = batch.instances;
      const bool whole_series = options_.whole_series_from > 0 && all.size() >= options_.whole_series_from;
      const size_t step = whole_series ? all.size() : std::max<size_t>(options_.batch, 1);
      for (size_t begin = 0; begin < all.size(); begin += step) {
        context.Check("download instances");
        Fetch(options_, scp_.port(), *pool_, receiver_, batch.series,
              all.subspan(begin, std::min(step, all.size() - begin)), sink, context)
            .Run(whole_series);
      }
    }
  }

 private:
  const CMoveOptions options_;
  const std::shared_ptr<AssociationPool> pool_;
  MoveReceiver receiver_;
  StorageScp scp_;  // uses the receiver
};

}  // namespace

std::unique_ptr<Downloader> MakeCMoveDownloader(CMoveOptions options, std::shared_ptr<AssociationPool> pool) {
  return std::make_unique<CMove>(std::move(options), std::move(pool));
}

}  // namespace trolley
