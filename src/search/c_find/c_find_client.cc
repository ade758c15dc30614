#include "search/c_find/c_find_client.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

#include "base/text.h"
#include "dicom/identifier.h"
#include "dicom/matching.h"
#include "trolley/error.h"
#include "trolley/log.h"
#include "trolley/uid.h"

namespace trolley {
namespace {

constexpr const char* kPatientRootFind = "1.2.840.10008.5.1.4.1.2.1.1";
constexpr const char* kStudyRootFind = "1.2.840.10008.5.1.4.1.2.2.1";
constexpr Tag kQueryRetrieveLevel{0x00080052};
constexpr Tag kRetrieveAeTitle{0x00080054};
constexpr size_t kMaxIdentifier = size_t{1} << 20;
constexpr size_t kMaxBytes = size_t{1} << 30;  // of the rows of one response
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
  Exchange(const CFindClient& client, const CFindRequest& request, const Context& context)
      : client_(client), request_(request), caller_(context), context_(context) {}

  std::vector<Attributes> Run() {
    AssociationLease lease = client_.pool_->Ask(
        client_.Request(client_.options_.relational || request_.keys.fuzzy()),
        [this](Association& association) { Send(association); }, context_,
        [this](Association& association) { Cancel(association); });
    try {
      Receive(lease);
    } catch (const Error& error) {
      if (!lease->broken()) {
        Cancel(*lease);
      }
      if (!cancelled_ || error.code() != ErrorCode::kTimedOut) {
        throw;
      }
      caller_.Check(Doing().c_str());  // else the archive ignores C-CANCEL, and the wanted rows are here
    }
    return std::move(rows_);
  }

 private:
  std::string Doing() const {
    return StrCat("find ", request_.level, " ", request_.keys.Describe(), " at ", PeerForLog(client_.pool_->peer()));
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
    std::map<Tag, std::string> values = {{kQueryRetrieveLevel, std::string(request_.level)}};
    for (const Tag tag : request_.returned) {
      // As a string: GCC 12 takes the assignment of a literal for one that overlaps.
      values[tag] = std::string(client_.options_.star_for_empty_uids && IsHierarchyUid(tag) ? 1 : 0, '*');
    }
    for (const auto& [tag, value] : request_.keys.keys()) {
      if (!IsUniversal(value)) {
        values[tag] = value;
      } else {
        values.try_emplace(tag);
      }
    }
    return EncodeIdentifier(values, explicit_vr_, client_.options_.query_charset);
  }

  // The caller stops.
  void Cancel(Association& association) const {
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
        AddRow(Row(identifier), status == dimse::kPendingWithWarning);
        if (bytes_ > kMaxBytes) {
          throw Failure(ErrorCode::kTooMany, "the results take more memory than is allowed; narrow the search");
        }
        if (request_.enough && rows_.size() >= *request_.enough) {
          cancelled_ = true;
          context_.deadline = std::min(context_.deadline, Clock::now() + kCancelTime);
          lease->SendCancel(context_id_, message_id_, context_);
        }
      }
    }
  }

  // Without what only serves the protocol, and what was not requested.
  Attributes Row(const std::string& identifier) const {
    const Attributes all = DecodeIdentifier(identifier, explicit_vr_, client_.options_.fallback_charset);
    Attributes row;
    all.ForEach([&](Tag tag, std::string_view text) {
      if (tag != kQueryRetrieveLevel && tag != kRetrieveAeTitle && IsRequested(tag)) {
        row.Set(tag, text);
      }
    });
    return row;
  }

  bool IsRequested(Tag tag) const {
    const auto& keys = request_.keys.keys();
    return tag == request_.unique || IsHierarchyUid(tag) ||
           std::find(request_.returned.begin(), request_.returned.end(), tag) != request_.returned.end() ||
           std::any_of(keys.begin(), keys.end(), [&](const auto& key) { return key.first == tag; });
  }

  void AddRow(Attributes row, bool optional_keys_unsupported) {
    for (const auto& [tag, value] : request_.keys.keys()) {
      if (IsUniversal(value) || request_.unchecked == tag) {
        continue;
      }
      if (!row.Has(tag) && IsParent(tag, value)) {
        row.Set(tag, value);
      } else if (!row.Has(tag) || (optional_keys_unsupported && row.Get(tag).empty())) {
        throw Failure(ErrorCode::kUnsupported,
                      StrCat("the archive does not return ", TagName(tag), ", and so may not have searched by it"));
      }
    }
    if (request_.unchecked && row.Get(*request_.unchecked).empty() ? ContradictsChecked(row)
                                                                   : Contradicts(request_.keys, row)) {
      return;
    }
    row.ForEach([this](Tag, std::string_view text) { bytes_ += sizeof(Tag) + text.size(); });
    // A repeated row is not a failure. A row without its unique key is: Assemble() reports it.
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
    return tag != request_.unique && (request_.parent == tag || (IsHierarchyUid(tag) && Uid::Parse(value)));
  }

  std::string Address(const Attributes& row) const {
    if (request_.unique == tag::kPatientID && row.Get(tag::kPatientID).empty()) {  // several may have none
      return StrCat("/", row.Get(tag::kPatientName), "/", row.Get(tag::kPatientBirthDate));
    }
    return StrCat(row.Get(request_.unique), "/", row.Get(tag::kSeriesInstanceUID), "/",
                  row.Get(tag::kStudyInstanceUID));
  }

  bool ContradictsChecked(const Attributes& row) const {
    Query checked(request_.keys.level());
    checked.SetFuzzy(request_.keys.fuzzy());
    for (const auto& [tag, value] : request_.keys.keys()) {
      if (request_.unchecked != tag) {
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
    const std::string detail = StrCat(" (status ", StatusText(status), comment.empty() ? "" : ", ", comment, ")");
    switch (status) {
      case dimse::kCancel:
        throw Failure(ErrorCode::kTooMany, "the archive cropped the result; narrow the search" + detail);
      case kOutOfResources:
        throw Failure(ErrorCode::kTooMany, "the archive is out of resources; narrow the search" + detail);
      case kIdentifierMismatch:
        throw Failure(ErrorCode::kProtocol, "the archive does not accept this query" + detail);
      case kSopClassNotSupported:
        throw Failure(ErrorCode::kUnsupported, "the archive does not offer this service" + detail);
      case kNotAuthorized:
        throw Failure(ErrorCode::kAccessDenied, "the archive does not allow it" + detail);
      default:
        throw Failure(ErrorCode::kProtocol, (status >> 12 == 0xC ? "the archive could not process it"
                                                                 : "the archive responded with an unknown status") +
                                                detail);
    }
  }

  const CFindClient& client_;
  const CFindRequest& request_;
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

std::vector<Attributes> CFindClient::Send(const CFindRequest& request, const Context& context) {
  return Exchange(*this, request, context).Run();
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
