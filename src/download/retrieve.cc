#include "download/retrieve.h"

#include <functional>
#include <utility>
#include <vector>

#include "base/text.h"
#include "dicom/identifier.h"
#include "trolley/log.h"

namespace trolley {
namespace {

constexpr Tag kQueryRetrieveLevel{0x00080052};
constexpr Tag kFailedSopInstanceUidList{0x00080058};
constexpr size_t kMaxIdentifier = size_t{1} << 20;

constexpr uint16_t kSopClassNotSupported = 0x0122;
constexpr uint16_t kNotAuthorized = 0x0124;
constexpr uint16_t kUnrecognizedOperation = 0x0211;
constexpr uint16_t kCannotCountMatches = 0xA701;
constexpr uint16_t kCannotPerform = 0xA702;
constexpr uint16_t kUnknownDestination = 0xA801;
constexpr uint16_t kIdentifierMismatch = 0xA900;
constexpr uint16_t kSomeFailed = 0xB000;

bool UnableToProcess(uint16_t status) {
  return status >= 0xC000 && status <= 0xCFFF;
}

// PS3.4 table C.4-2 and C.4-3, PS3.7 annex C.
std::string_view Meaning(uint16_t status) {
  switch (status) {
    case dimse::kSuccess:
      return "the archive says it sent all";
    case kSopClassNotSupported:
      return "the archive does not support such requests (SOP class not supported)";
    case kNotAuthorized:
      return "the archive refuses: not authorized; have its administrator allow it for our AE title";
    case kUnrecognizedOperation:
      return "the archive does not know this operation";
    case kCannotCountMatches:
      return "the archive is out of resources (unable to calculate the number of matches)";
    case kCannotPerform:
      return "the archive is out of resources or could not send (unable to perform sub-operations)";
    case kUnknownDestination:
      return "the archive does not know our AE title as a destination; have its administrator add it with our host and "
             "port";
    case kIdentifierMismatch:
      return "the archive does not understand the request (identifier does not match SOP class)";
    case dimse::kCancel:
      return "the archive cancelled it";
    case kSomeFailed:
      return "the archive could not send all";
    default:
      return UnableToProcess(status) ? "the archive is unable to process the request" : "the archive reports a failure";
  }
}

ErrorCode CodeFor(uint16_t status) {
  switch (status) {
    case kSopClassNotSupported:
    case kUnrecognizedOperation:
      return ErrorCode::kUnsupported;
    case kNotAuthorized:
      return ErrorCode::kAccessDenied;
    default:
      return ErrorCode::kProtocol;
  }
}

using Elements = std::map<Tag, std::string>;

Elements Keys(const SeriesReference& series, std::span<const InstanceReference> instances) {
  Elements keys = {{kQueryRetrieveLevel, instances.empty() ? "SERIES" : "IMAGE"},
                   {tag::kStudyInstanceUID, series.study.str()},
                   {tag::kSeriesInstanceUID, series.series.str()}};
  if (!instances.empty()) {
    std::string& list = keys[tag::kSOPInstanceUID];
    for (const InstanceReference& instance : instances) {
      list.append(list.empty() ? "" : "\\").append(instance.instance.str());
    }
  }
  return keys;
}

std::string Encode(const Elements& elements) {
  return EncodeIdentifier(elements, false, "");
}

// nullopt: it makes no sense.
std::optional<Attributes> Decode(const std::string& data_set) {
  try {
    return DecodeIdentifier(data_set, false, "ISO_IR 100");
  } catch (const Error& error) {
    LogDebug(StrCat("An identifier from the archive makes no sense: ", error.what()));
    return std::nullopt;
  }
}

// The identifier of a response is of interest only: one that makes no sense does no harm.
std::set<Uid> FailedInstances(const std::string& identifier) {
  std::set<Uid> failed;
  const Attributes attributes = Decode(identifier).value_or(Attributes());
  for (const std::string_view text : Split(attributes.Get(kFailedSopInstanceUidList), '\\')) {
    if (std::optional<Uid> uid = Uid::Parse(text)) {
      failed.insert(*std::move(uid));
    }
  }
  return failed;
}

// Collects the storage classes from the rows of one C-FIND.
class ClassRows {
 public:
  explicit ClassRows(std::span<const InstanceReference> requested) : requested_(requested) {
    for (const InstanceReference& instance : requested) {
      wanted_.insert(instance.instance);
    }
  }
  void Add(const std::string& data_set) {
    const std::optional<Attributes> row = Decode(data_set);
    std::optional<Uid> uid = row ? Uid::Parse(row->Get(tag::kSOPInstanceUID)) : std::nullopt;
    if (row && !uid && requested_.size() == 1) {
      uid = requested_.front().instance;
    }
    if (!uid) {
      reliable_ = false;
    } else if (wanted_.contains(*uid)) {
      const std::optional<Uid> sop_class = Uid::Parse(row->Get(tag::kSOPClassUID));
      classes_[*std::move(uid)] = sop_class ? sop_class->str() : "";
    }
  }
  std::optional<SopClasses> Take() { return reliable_ ? std::optional(std::move(classes_)) : std::nullopt; }

 private:
  std::span<const InstanceReference> requested_;
  std::set<Uid> wanted_;
  SopClasses classes_;
  bool reliable_ = true;
};

// One C-FIND; each row's data set goes to `take`. False: the archive does not support such queries.
bool Find(AssociationPool& pool, const RetrieveModel& model, const Elements& keys,
          const std::function<void(const std::string&)>& take, const Context& context) {
  const std::string identifier = Encode(keys);
  const AssociationRequest request{{{std::string(model.find), {std::string(kImplicitVrLittleEndian)}}}};
  uint16_t message_id = 0;
  const auto ask = [&](Association& association) {
    message_id = association.NextMessageId();
    CommandSet command(dimse::kCFindRq);
    command.SetUid(dimse::kAffectedSopClassUid, model.find)
        .SetNumber(dimse::kMessageId, message_id)
        .SetNumber(dimse::kPriority, 0);
    association.Send(association.ContextFor(model.find).id, command, identifier, context);
  };
  try {
    AssociationLease lease = pool.Ask(request, ask, context);
    for (;;) {
      const DimseMessage message = lease->ReceiveCommand(context);
      if (message.command.field() != dimse::kCFindRsp ||
          message.command.Number(dimse::kMessageIdBeingRespondedTo) != message_id) {
        throw Error(ErrorCode::kProtocol, "Cannot look up instances: the archive responded with something else");
      }
      if (!IsPending(message.command)) {
        lease.Keep();
        if (message.command.status() == dimse::kSuccess) {
          return true;
        }
        LogDebug(StrCat("The archive does not look up instances: status ", StatusText(message.command.status())));
        return false;
      }
      if (!message.command.has_data_set()) {
        throw Error(ErrorCode::kProtocol, "Cannot look up instances: a response has no identifier");
      }
      take(lease->ReceiveDataSet(kMaxIdentifier, context));
    }
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kUnsupported) {
      throw;
    }
    LogDebug(StrCat("The archive does not look up instances: ", error.what()));
    return false;
  }
}

// An attribute of `series`; "" when the archive does not say.
std::string FindOfSeries(AssociationPool& pool, const RetrieveModel& model, const SeriesReference& series, Tag wanted,
                         const Context& context) {
  Elements keys = Keys(series, {});
  keys[wanted] = "";
  std::string value;
  const auto take = [&](const std::string& data_set) {
    const Attributes row = Decode(data_set).value_or(Attributes());
    if (row.Get(tag::kSeriesInstanceUID) == series.series.str()) {
      value = row.Get(wanted);
    }
  };
  return Find(pool, model, keys, take, context) ? value : "";
}

}  // namespace

const RetrieveModel& StudyRoot() {
  static constexpr RetrieveModel kModel = {"1.2.840.10008.5.1.4.1.2.2.1", "1.2.840.10008.5.1.4.1.2.2.3",
                                           "1.2.840.10008.5.1.4.1.2.2.2"};
  return kModel;
}

const RetrieveModel& PatientRoot() {
  static constexpr RetrieveModel kModel = {"1.2.840.10008.5.1.4.1.2.1.1", "1.2.840.10008.5.1.4.1.2.1.3",
                                           "1.2.840.10008.5.1.4.1.2.1.2"};
  return kModel;
}

std::string RetrieveIdentifier(const SeriesReference& series, std::span<const InstanceReference> instances) {
  return Encode(Keys(series, instances));
}

bool RetrieveResult::sub_operations_failed() const {
  return status == kCannotPerform || status == kSomeFailed || (status == dimse::kSuccess && failed > 0) ||
         (UnableToProcess(status) && failed > 0);
}

bool IsPending(const CommandSet& response) {
  return response.status() == dimse::kPending || response.status() == dimse::kPendingWithWarning;
}

RetrieveResult ReadResult(Association& association, const DimseMessage& message, const Context& context) {
  const CommandSet& command = message.command;
  RetrieveResult result;
  result.status = command.status();
  result.counted = command.Number(dimse::kCompletedSubOperations).has_value();
  result.completed = command.Number(dimse::kCompletedSubOperations).value_or(0);
  result.failed = command.Number(dimse::kFailedSubOperations).value_or(0);
  result.warnings = command.Number(dimse::kWarningSubOperations).value_or(0);
  result.comment = command.Comment();
  if (command.has_data_set()) {
    result.failed_instances = FailedInstances(association.ReceiveDataSet(kMaxIdentifier, context));
  }
  return result;
}

Error ResultError(const RetrieveResult& result, const std::string& doing) {
  std::string text = StrCat("Cannot ", doing, ": ", Meaning(result.status), ", status ", StatusText(result.status));
  if (result.failed > 0) {
    text += StrCat(", ", result.failed, " sub-operations failed");
  }
  if (!result.comment.empty()) {
    text += StrCat(", ", result.comment);
  }
  return {CodeFor(result.status), text};
}

std::optional<SopClasses> FindSopClasses(AssociationPool& pool, const RetrieveModel& model,
                                         const SeriesReference& series, std::span<const InstanceReference> instances,
                                         const Context& context) {
  Elements keys = Keys(series, instances);
  keys[tag::kSOPClassUID] = "";
  ClassRows rows(instances);
  const bool supported = Find(
      pool, model, keys, [&](const std::string& row) { rows.Add(row); }, context);
  return supported ? rows.Take() : std::nullopt;
}

std::string FindModality(AssociationPool& pool, const RetrieveModel& model, const SeriesReference& series,
                         const Context& context) {
  return FindOfSeries(pool, model, series, tag::kModality, context);
}

size_t CountInstances(AssociationPool& pool, const RetrieveModel& model, const SeriesReference& series,
                      const Context& context) {
  const auto count = ParseUint(FindOfSeries(pool, model, series, tag::kNumberOfSeriesRelatedInstances, context));
  return count ? static_cast<size_t>(*count) : 0;
}

}  // namespace trolley
