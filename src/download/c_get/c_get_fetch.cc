// The strategy of C-GET: which storage classes and transfer syntaxes to propose, in which order, and what to do when
// the archive refuses. Runs on the thread that downloads; CGetExperience carries what it learns to the next call. Every
// wanted instance is reported to the sink exactly once, unless an error ends the whole call.
#include "download/c_get/c_get_fetch.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "dicom/storage_classes.h"
#include "download/instance_receiver.h"
#include "download/storage_contexts.h"
#include "trolley/error.h"
#include "trolley/log.h"

namespace trolley {
namespace {

constexpr uint16_t kDataSetMismatch = 0xA900;  // PS3.4 table B.2-1
constexpr size_t kFewClasses = 6;
constexpr size_t kSample = 8;  // instances whose storage class is looked up before a series is fetched

using Instances = std::vector<InstanceReference>;

class Fetch {
 public:
  Fetch(const RetrieveModel& model, AssociationPool& pool, CGetExperience& experience, SeriesReference series,
        std::span<const InstanceReference> wanted, CGetRequestKind kind, DownloadSink& sink, const Context& context)
      : model_(model),
        pool_(pool),
        experience_(experience),
        series_(std::move(series)),
        kind_(kind),
        sink_(sink),
        context_(context) {
    for (const InstanceReference& instance : wanted) {
      wanted_.emplace(instance.instance, instance);
    }
  }

  void Run() {
    const std::vector<std::string> likely = LikelyClasses();
    bool others = likely.empty() || FetchClasses(likely, Remaining());
    if (others && !wanted_.empty() && !class_reported_) {  // the class of others in the series does not apply to these
      class_reported_ = !ClassOfSample().empty();
    }
    if (!class_reported_) {
      for (const std::vector<std::string>& group : StorageClassGroups()) {
        if (wanted_.empty() || !others) {
          break;
        }
        others = FetchClasses(group, Remaining());
      }
    }
    if (!wanted_.empty()) {
      Finish();
    }
  }

 private:
  struct NoContext {};  // leaves AssociationPool::Ask when there is nothing to request; only Request() sees it

  Instances Remaining() const {
    Instances remaining;
    for (const auto& [uid, instance] : wanted_) {
      remaining.push_back(instance);
    }
    return remaining;
  }

  Instances StillWanted(const Instances& instances) const {
    Instances still;
    std::copy_if(instances.begin(), instances.end(), std::back_inserter(still),
                 [&](const InstanceReference& instance) { return wanted_.contains(instance.instance); });
    return still;
  }

  std::string Doing() const { return StrCat("download instances of series ", series_.series.str()); }

  // The storage class of the series; when the archive does not report it, those that its modality suggests.
  std::vector<std::string> LikelyClasses() {
    std::string sop_class = experience_.ClassOf(series_);
    if (sop_class.empty()) {
      sop_class = ClassOfSample();
      class_reported_ = !sop_class.empty();
    }
    return sop_class.empty() ? StorageClassesOf(FindModality(pool_, model_, series_, context_))
                             : std::vector<std::string>{sop_class};
  }

  // As the archive reports it; empty: it does not.
  std::string ClassOfSample() {
    const Instances all = Remaining();
    const auto found =
        FindSopClasses(pool_, model_, series_, std::span(all).first(std::min(all.size(), kSample)), context_);
    return found && !found->empty() ? found->begin()->second : "";
  }

  // True when it may be worth while to propose other classes.
  bool FetchClasses(const std::vector<std::string>& classes, Instances instances) {
    tried_.insert(classes.begin(), classes.end());
    if (!experience_.AcceptsLists() && instances.size() > 1 && kind_ != CGetRequestKind::kSeries) {
      return FetchOneByOne(classes, instances);
    }
    const bool series_first = kind_ == CGetRequestKind::kSeriesThenList;
    RetrieveResult result = FetchWithChoices(classes, instances);
    instances = StillWanted(instances);
    // The archive left instances out silently, or does not send series.
    if (series_first && !instances.empty() && (!result.some_failed() || result.refused())) {
      result = FetchWithChoices(classes, instances);
      instances = StillWanted(instances);
    }
    // Some archives refuse a list that names an instance which they do not have (Orthanc).
    if (result.refused() && instances.size() > 1 && kind_ != CGetRequestKind::kSeries && ReportAbsent(instances)) {
      instances = StillWanted(instances);
      if (!instances.empty()) {
        result = FetchWithChoices(classes, instances);
        instances = StillWanted(instances);
      }
    }
    if (result.refused() && instances.size() > 1 && kind_ != CGetRequestKind::kSeries) {
      const size_t before = wanted_.size();
      FetchWithChoices(classes, {instances.front()});
      if (wanted_.size() < before) {
        LogInfo("The archive takes no lists of instances: they are requested one by one");
        experience_.RememberNoLists();
        return FetchOneByOne(classes, StillWanted(instances));
      }
    }
    return result.some_failed();
  }

  bool FetchOneByOne(const std::vector<std::string>& classes, const Instances& instances) {
    bool some_failed = false;
    for (const InstanceReference& instance : instances) {
      if (!wanted_.contains(instance.instance)) {
        continue;  // it came with another
      }
      some_failed |= FetchWithChoices(classes, {instance}).some_failed();
    }
    return some_failed;
  }

  // Proposes the transfer syntaxes in one way after the other, until the archive can send.
  RetrieveResult FetchWithChoices(const std::vector<std::string>& classes, Instances instances) {
    const std::string& key = classes.front();
    std::vector<SyntaxChoice> choices = {experience_.ChoiceFor(key)};
    std::vector<std::string> accepted;
    RetrieveResult result;
    for (size_t i = 0; i < choices.size(); ++i) {
      const SyntaxChoice choice = choices[i];
      if (std::find(choices.begin(), choices.begin() + static_cast<std::ptrdiff_t>(i), choice) !=
          choices.begin() + static_cast<std::ptrdiff_t>(i)) {
        continue;
      }
      if (std::optional<RetrieveResult> requested = Request(classes, choice, instances, accepted)) {
        result = *std::move(requested);
      } else {
        if (choice == kEachSyntax) {
          reason_ = Error(ErrorCode::kUnsupported,
                          StrCat("Cannot ", Doing(), ": the archive does not send ", SopClassForLog(key), " by C-GET"));
          result.failed = std::max(result.failed, 1u);
          return result;
        }
        if (i == 0) {  // what did for others of the class
          choices.emplace_back(kEachSyntax);
        }
        continue;
      }
      const size_t before = instances.size();
      instances = StillWanted(instances);
      if (instances.size() < before) {
        experience_.RememberChoice(key, choice);
      }
      if (instances.empty() || !result.some_failed()) {
        return result;
      }
      reason_ = ResultError(result, Doing());
      // Where the class is not known, narrower proposals for each of them would be too many.
      if (!result.sub_operations_failed() || classes.size() > kFewClasses || experience_.ChoicesAreHopeless(key)) {
        return result;
      }
      if (choice == kEachSyntax) {
        const std::vector<SyntaxChoice> narrower = NarrowerChoices(accepted);
        choices.insert(choices.end(), narrower.begin(), narrower.end());
      } else if (i == 0) {
        choices.emplace_back(kEachSyntax);
      }
    }
    if (experience_.ChoiceFor(key) == kEachSyntax && delivered_ > 0) {
      experience_.RememberHopelessChoices(key);
    }
    return result;
  }

  // One C-GET. `accepted` becomes the transfer syntaxes that the archive accepted; when it accepts none of the storage
  // classes, nothing is requested: nullopt.
  std::optional<RetrieveResult> Request(const std::vector<std::string>& classes, const SyntaxChoice& choice,
                                        const Instances& instances, std::vector<std::string>& accepted) {
    AssociationRequest request{{{std::string(model_.get), {std::string(kImplicitVrLittleEndian)}}}};
    std::vector<ProposedContext> storage = StorageContexts(classes, choice);
    request.contexts.insert(request.contexts.end(), storage.begin(), storage.end());
    const std::string identifier =
        kind_ == CGetRequestKind::kList ? RetrieveIdentifier(series_, instances) : RetrieveIdentifier(series_, {});
    uint16_t message_id = 0;
    const auto ask = [&](Association& association) {
      const uint8_t context_id = association.ContextFor(model_.get).id;
      accepted.clear();
      for (const AcceptedContext& accepted_context : association.contexts()) {
        if (accepted_context.abstract_syntax != model_.get) {
          accepted.push_back(accepted_context.transfer_syntax);
        }
      }
      if (accepted.empty()) {
        throw NoContext();
      }
      message_id = association.NextMessageId();
      CommandSet command(dimse::kCGetRq);
      command.SetUid(dimse::kAffectedSopClassUid, model_.get)
          .SetNumber(dimse::kMessageId, message_id)
          .SetNumber(dimse::kPriority, 0);
      association.Send(context_id, command, identifier, context_);
    };
    std::optional<AssociationLease> leased;
    try {
      leased.emplace(pool_.Ask(request, ask, context_));
    } catch (const NoContext&) {
      return std::nullopt;
    }
    AssociationLease& lease = *leased;
    kind_ = kind_ == CGetRequestKind::kSeries ? CGetRequestKind::kSeries : CGetRequestKind::kList;
    for (;;) {
      const DimseMessage message = lease->ReceiveCommand(context_);
      if (message.command.field() == dimse::kCStoreRq) {
        Receive(*lease, message);
      } else if (message.command.field() != dimse::kCGetRsp ||
                 message.command.Number(dimse::kMessageIdBeingRespondedTo) != message_id) {
        throw Error(ErrorCode::kProtocol, StrCat("Cannot ", Doing(), ": the archive responded with something else"));
      } else if (!IsPending(message.command)) {
        RetrieveResult result = ReadResult(*lease, message, context_);
        failed_.insert(result.failed_instances.begin(), result.failed_instances.end());
        if (!result.some_failed()) {
          lease.Keep();  // after a failure some archives (dcmqrscp) go on sending
        }
        return result;
      }
    }
  }

  // A C-STORE sub-operation.
  void Receive(Association& association, const DimseMessage& message) {
    const std::string sop_class = message.command.Text(dimse::kAffectedSopClassUid);
    const std::string named = message.command.Text(dimse::kAffectedSopInstanceUid);
    const AcceptedContext* on = association.FindContext(message.context_id);
    if (on == nullptr || !message.command.has_data_set()) {
      throw Error(ErrorCode::kProtocol, StrCat("Cannot ", Doing(), ": the archive sent a malformed C-STORE request"));
    }
    const std::optional<Uid> uid = Uid::Parse(named);
    const bool has_class = Uid::Parse(sop_class).has_value();
    const auto wanted = uid && has_class ? wanted_.find(*uid) : wanted_.end();
    uint16_t status = has_class ? dimse::kSuccess : kDataSetMismatch;
    if (wanted == wanted_.end()) {
      LogDebug(StrCat("Dropped an instance that was not requested: ", uid ? uid->str() : "one without a proper UID"));
      association.ReceiveDataSet([](std::span<const std::byte>) {}, context_);
    } else {
      const InstanceReference instance = wanted->second;
      InstanceReceiver receiver(instance, {*uid, sop_class, on->transfer_syntax}, sink_);
      association.ReceiveDataSet([&](std::span<const std::byte> piece) { receiver.Take(piece); }, context_);
      wanted_.erase(*uid);
      if (const std::optional<Error> problem = receiver.Finish()) {
        status = kDataSetMismatch;
        receiver.Fail(*problem);
      } else {
        ++delivered_;
        experience_.RememberClass(series_, sop_class);
      }
    }
    CommandSet response(dimse::kCStoreRsp);
    response.SetUid(dimse::kAffectedSopClassUid, sop_class)
        .SetUid(dimse::kAffectedSopInstanceUid, named)
        .SetNumber(dimse::kMessageIdBeingRespondedTo, message.command.Number(dimse::kMessageId).value_or(0))
        .SetNumber(dimse::kStatus, status);
    association.Send(message.context_id, response, context_);
  }

  // Finds out why instances did not arrive: they do not exist, are of another class than expected, or failed.
  void Finish() {
    const Instances remaining = Remaining();
    const std::optional<SopClasses> found = FindSopClasses(pool_, model_, series_, remaining, context_);
    if (!found) {
      for (const InstanceReference& instance : remaining) {
        FinishWithoutLookup(instance);
      }
      return;
    }
    std::map<std::string, Instances> untried;
    ReportAbsent(remaining, *found);
    for (const InstanceReference& instance : StillWanted(remaining)) {
      const auto row = found->find(instance.instance);
      if (row != found->end() && !row->second.empty() && !tried_.contains(row->second)) {
        untried[row->second].push_back(instance);
      }
    }
    for (const auto& [sop_class, instances] : untried) {
      FetchClasses({sop_class}, StillWanted(instances));
    }
    FailTheRest();
  }

  // True when there were some.
  bool ReportAbsent(const Instances& instances) {
    const auto found = FindSopClasses(pool_, model_, series_, instances, context_);
    return found && ReportAbsent(instances, *found);
  }
  bool ReportAbsent(const Instances& instances, const SopClasses& found) {
    const size_t before = wanted_.size();
    for (const InstanceReference& instance : instances) {
      // Archives that do not match lists of UIDs respond to a single one.
      if (!found.contains(instance.instance) && !failed_.contains(instance.instance) &&
          (instances.size() == 1 || IsAbsent(instance))) {
        Report(instance, std::nullopt);
      }
    }
    return wanted_.size() < before;
  }

  bool IsAbsent(const InstanceReference& instance) {
    const auto found = FindSopClasses(pool_, model_, series_, {&instance, 1}, context_);
    return found && found->empty();
  }

  // An archive without C-FIND: asked for this instance alone, it says that there was nothing to send.
  void FinishWithoutLookup(const InstanceReference& instance) {
    std::vector<std::string> accepted;
    const std::vector<std::string> classes(tried_.begin(), tried_.end());
    kind_ = CGetRequestKind::kList;
    const std::optional<RetrieveResult> result = Request(classes, SyntaxChoice(kEachSyntax), {instance}, accepted);
    if (result) {
      if (!wanted_.contains(instance.instance)) {
        return;
      }
      if (result->nothing_to_send()) {
        Report(instance, std::nullopt);
        return;
      }
      reason_ = ResultError(*result, Doing());
    }
    Report(instance, reason_);
  }

  void FailTheRest() {
    for (const InstanceReference& instance : Remaining()) {
      Report(instance, reason_
                           ? *reason_
                           : Error(ErrorCode::kProtocol, StrCat("Cannot download instance ", instance.instance.str(),
                                                                ": the archive lists it and did not send it")));
    }
  }

  // nullopt: the archive has no such instance.
  void Report(const InstanceReference& instance, const std::optional<Error>& failure) {
    wanted_.erase(instance.instance);
    if (failure) {
      sink_.OnFailed(instance, *failure);
    } else {
      sink_.OnMissing(instance);
    }
  }

  const RetrieveModel& model_;
  AssociationPool& pool_;
  CGetExperience& experience_;
  const SeriesReference series_;
  CGetRequestKind kind_;  // of the next request
  DownloadSink& sink_;
  const Context& context_;
  std::map<Uid, InstanceReference> wanted_;  // not yet reported to the sink
  std::set<std::string> tried_;              // classes that were proposed
  std::set<Uid> failed_;                     // that the archive named as such, so that they exist
  size_t delivered_ = 0;
  bool class_reported_ = false;  // the archive itself reported the class, in this run
  std::optional<Error> reason_;  // why the latest request brought not all
};

}  // namespace

void FetchByCGet(const RetrieveModel& model, AssociationPool& pool, CGetExperience& experience,
                 const SeriesReference& series, std::span<const InstanceReference> wanted, CGetRequestKind kind,
                 DownloadSink& sink, const Context& context) {
  Fetch(model, pool, experience, series, wanted, kind, sink, context).Run();
}

}  // namespace trolley
