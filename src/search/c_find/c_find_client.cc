#include "search/c_find/c_find_client.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "dicom/identifier.h"
#include "dicom/matching.h"
#include "dicom/uid.h"

namespace trolley {
namespace {

constexpr const char* kPatientRootFind = "1.2.840.10008.5.1.4.1.2.1.1";
constexpr const char* kStudyRootFind = "1.2.840.10008.5.1.4.1.2.2.1";
constexpr Tag kQueryRetrieveLevel{0x00080052};
constexpr Tag kRetrieveAeTitle{0x00080054};
constexpr size_t kMaxIdentifier = size_t{1} << 20;
constexpr size_t kMaxBytes = size_t{1} << 30;  // of the rows of one answer
constexpr std::chrono::seconds kCancelTime{5};
constexpr uint16_t kMediumPriority = 0;

// Statuses, PS3.4 C.4.1.1.4 and PS3.7 annex C.
constexpr uint16_t kOutOfResources = 0xA700;
constexpr uint16_t kIdentifierMismatch = 0xA900;
constexpr uint16_t kSopClassNotSupported = 0x0122;
constexpr uint16_t kNotAuthorized = 0x0124;

}  // namespace

// One C-FIND: the request and all its responses.
class CFindClient::Exchange {
 public:
  Exchange(const CFindClient& client, const CFindRequest& question, const Context& context)
      : client_(client), question_(question), caller_(context), context_(context) {}

  std::vector<Attributes> Run() {
    AssociationLease lease = client_.pool_->Ask(
        client_.Request(client_.options_.relational || question_.keys.fuzzy()),
        [this](Association& association) { Send(association); }, context_,
        [this](Association& association) { GiveUp(association); });
    try {
      Receive(lease);
    } catch (const Error& error) {
      if (!lease->broken()) {
        GiveUp(*lease);
      }
      if (!cancelled_ || error.code() != ErrorCode::kTimedOut) {
        throw;
      }
      caller_.Check(Doing().c_str());  // else the archive does not care about C-CANCEL; we have what we wanted
    }
    return std::move(rows_);
  }

 private:
  std::string Doing() const {
    return StrCat("find ", question_.level, " ", question_.keys.Describe(), " at ", PeerForLog(client_.pool_->peer()));
  }
  Error Failure(ErrorCode code, std::string_view reason) const {
    return Error(code, StrCat("Cannot ", Doing(), ": ", reason));
  }

  void Send(Association& association) {
    const AcceptedContext& accepted = association.ContextFor(client_.sop_class_);
    context_id_ = accepted.id;
    explicit_vr_ = accepted.transfer_syntax == kExplicitVrLittleEndian;
    message_id_ = association.NextMessageId();
    CommandSet command(dimse::kCFindRq);
    command.SetUid(dimse::kAffectedSopClassUid, client_.sop_class_)
        .SetNumber(dimse::kMessageId, message_id_)
        .SetNumber(dimse::kPriority, kMediumPriority);
    association.Send(context_id_, command, Identifier(), context_);
    sent_ = true;
  }

  std::string Identifier() const {
    std::map<Tag, std::string> values = {{kQueryRetrieveLevel, std::string(question_.level)}};
    for (const Tag tag : question_.returned) {
      // As a string: GCC 12 takes the assignment of a literal for one that overlaps.
      values[tag] = std::string(client_.options_.star_for_empty_uids && IsHierarchyUid(tag) ? 1 : 0, '*');
    }
    for (const auto& [tag, value] : question_.keys.keys()) {
      if (!IsUniversal(value)) {
        values[tag] = value;
      } else {
        values.try_emplace(tag);
      }
    }
    return EncodeIdentifier(values, explicit_vr_, client_.options_.query_charset);
  }

  // The caller goes, or has enough.
  void GiveUp(Association& association) const {
    if (!sent_) {
      return;
    }
    try {
      association.SendCancel(context_id_, message_id_, Context::WithTimeout({}));
    } catch (const Error& error) {
      LogDebug(StrCat("C-CANCEL was not sent: ", error.what()));
    }
  }

  void Receive(AssociationLease& lease) {
    for (;;) {
      const DimseMessage message = lease->ReceiveCommand(context_);
      if (message.command.field() != dimse::kCFindRsp ||
          message.command.Number(dimse::kMessageIdBeingRespondedTo) != message_id_) {
        throw Failure(ErrorCode::kProtocol, "the archive sent something else than a response");
      }
      const uint16_t status = message.command.status();
      if (status != dimse::kPending && status != dimse::kPendingWithWarning) {
        Finish(lease, message.command);
        return;
      }
      if (!message.command.has_data_set()) {
        throw Failure(ErrorCode::kProtocol, "a response has no identifier");
      }
      const std::string identifier = lease->ReceiveDataSet(kMaxIdentifier, context_);
      if (!cancelled_) {
        // Rows that are repeated or do not belong here count, too: they take time and memory as others do.
        if (++received_ > client_.options_.max_rows) {
          throw Failure(ErrorCode::kTooMany,
                        StrCat("more than ", client_.options_.max_rows, " results; narrow the search"));
        }
        Take(Row(identifier), status == dimse::kPendingWithWarning);
        if (bytes_ > kMaxBytes) {
          throw Failure(ErrorCode::kTooMany, "the results take more memory than is allowed; narrow the search");
        }
        if (question_.enough && rows_.size() >= *question_.enough) {
          cancelled_ = true;
          context_.deadline = std::min(context_.deadline, Clock::now() + kCancelTime);
          lease->SendCancel(context_id_, message_id_, context_);
        }
      }
    }
  }

  // Without what only serves the protocol, and what nobody asked for.
  Attributes Row(const std::string& identifier) const {
    const Attributes all = DecodeIdentifier(identifier, explicit_vr_, client_.options_.fallback_charset);
    Attributes row;
    all.ForEach([&](Tag tag, std::string_view text) {
      if (tag != kQueryRetrieveLevel && tag != kRetrieveAeTitle && IsAskedFor(tag)) {
        row.Set(tag, text);
      }
    });
    return row;
  }

  bool IsAskedFor(Tag tag) const {
    const auto& keys = question_.keys.keys();
    return tag == question_.unique || IsHierarchyUid(tag) ||
           std::find(question_.returned.begin(), question_.returned.end(), tag) != question_.returned.end() ||
           std::any_of(keys.begin(), keys.end(), [&](const auto& key) { return key.first == tag; });
  }

  void Take(Attributes row, bool optional_keys_unsupported) {
    for (const auto& [tag, value] : question_.keys.keys()) {
      if (IsUniversal(value) || question_.unchecked == tag) {
        continue;
      }
      if (!row.Has(tag) && IsParent(tag, value)) {
        row.Set(tag, value);
      } else if (!row.Has(tag) || (optional_keys_unsupported && row.Get(tag).empty())) {
        throw Failure(ErrorCode::kUnsupported,
                      StrCat("the archive does not return ", TagName(tag), ", and so may not have searched by it"));
      }
    }
    if (question_.unchecked && row.Get(*question_.unchecked).empty() ? ContradictsChecked(row)
                                                                     : Contradicts(question_.keys, row)) {
      return;
    }
    row.ForEach([this](Tag, std::string_view text) { bytes_ += sizeof(Tag) + text.size(); });
    // A row that is repeated is no failure. One without its unique key is, which is Assemble's to say.
    const auto [known, added] = known_.try_emplace(Address(row), rows_.size());
    if (!added) {
      rows_[known->second].MergeMissing(row);
      return;
    }
    row.ShrinkToFit();
    rows_.push_back(std::move(row));
  }

  // Its unique key need not be repeated in the rows.
  bool IsParent(Tag tag, const std::string& value) const {
    return tag != question_.unique && (question_.parent == tag || (IsHierarchyUid(tag) && Uid::Parse(value)));
  }

  std::string Address(const Attributes& row) const {
    if (question_.unique == tag::kPatientID && row.Get(tag::kPatientID).empty()) {  // several may have none
      return StrCat("/", row.Get(tag::kPatientName), "/", row.Get(tag::kPatientBirthDate));
    }
    return StrCat(row.Get(question_.unique), "/", row.Get(tag::kSeriesInstanceUID), "/",
                  row.Get(tag::kStudyInstanceUID));
  }

  bool ContradictsChecked(const Attributes& row) const {
    Query checked(question_.keys.level());
    checked.SetFuzzy(question_.keys.fuzzy());
    for (const auto& [tag, value] : question_.keys.keys()) {
      if (question_.unchecked != tag) {
        checked.Where(tag, value);
      }
    }
    return Contradicts(checked, row);
  }

  // The final response.
  void Finish(AssociationLease& lease, const CommandSet& command) {
    lease.Keep();
    const uint16_t status = command.status();
    if (status == dimse::kSuccess || cancelled_) {
      return;
    }
    const std::string comment = command.Comment();
    const std::string said = StrCat(" (status ", StatusText(status), comment.empty() ? "" : ", ", comment, ")");
    switch (status) {
      case dimse::kCancel:
        throw Failure(ErrorCode::kTooMany, "the archive cut its answer short; narrow the search" + said);
      case kOutOfResources:
        throw Failure(ErrorCode::kTooMany, "the archive is out of resources; narrow the search" + said);
      case kIdentifierMismatch:
        throw Failure(ErrorCode::kProtocol, "the archive does not accept this question" + said);
      case kSopClassNotSupported:
        throw Failure(ErrorCode::kUnsupported, "the archive does not offer this service" + said);
      case kNotAuthorized:
        throw Failure(ErrorCode::kAccessDenied, "the archive does not allow it" + said);
      default:
        throw Failure(ErrorCode::kProtocol, (status >> 12 == 0xC ? "the archive could not process it"
                                                                 : "the archive answered with an unknown status") +
                                                said);
    }
  }

  const CFindClient& client_;
  const CFindRequest& question_;
  const Context& caller_;
  Context context_;  // ends sooner after C-CANCEL
  uint8_t context_id_ = 0;
  uint16_t message_id_ = 0;
  bool explicit_vr_ = false;
  bool sent_ = false;
  bool cancelled_ = false;
  size_t received_ = 0;
  size_t bytes_ = 0;  // of the rows, nearly
  std::vector<Attributes> rows_;
  std::unordered_map<std::string, size_t> known_;  // unique key -> row
};

CFindClient::CFindClient(const CFindOptions& options, std::shared_ptr<AssociationPool> pool)
    : options_(options), pool_(std::move(pool)), sop_class_(options.patient_root ? kPatientRootFind : kStudyRootFind) {}

std::vector<Attributes> CFindClient::Ask(const CFindRequest& question, const Context& context) {
  return Exchange(*this, question, context).Run();
}

AssociationRequest CFindClient::Request(bool extended) const {
  AssociationRequest request{
      {{sop_class_, {std::string(kExplicitVrLittleEndian), std::string(kImplicitVrLittleEndian)}}}};
  if (extended) {
    request.extended.push_back({sop_class_, std::string("\1\0\1", 3)});
  }
  return request;
}

bool CFindClient::Agrees(size_t byte, const Context& context) {
  AssociationLease lease = pool_->Lease(Request(true), context);
  const std::string agreed = lease->Extended(sop_class_);
  lease.Keep();
  return byte < agreed.size() && agreed[byte] == '\1';
}

bool CFindClient::AgreesToRelational(const Context& context) {
  return Agrees(0, context);
}

bool CFindClient::AgreesToFuzzy(const Context& context) {
  return Agrees(2, context);
}

}  // namespace trolley
