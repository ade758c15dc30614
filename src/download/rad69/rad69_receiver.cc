// Called by the HTTP client on the thread that downloads. It buffers the SOAP envelope, but no file outside of it.
#include "download/rad69/rad69_receiver.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "http/media_type.h"
#include "trolley/error.h"
#include "trolley/log.h"

namespace trolley {
namespace {

constexpr size_t kMaxRoot = size_t{64} << 20;       // an envelope with its files elsewhere: 100 000 documents
constexpr size_t kMaxEnvelope = size_t{128} << 20;  // one that holds the files
constexpr size_t kMaxFailure = size_t{64} << 10;
constexpr size_t kMaxBadParts = 10000;
constexpr size_t kMaxContentId = 1000;

std::string_view Text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool IsSoap(const std::optional<MediaType>& type) {
  return type && (type->type == "application/xop+xml" || type->type == "application/soap+xml" ||
                  type->type == "text/xml" || type->type == "application/xml");
}

[[noreturn]] void NoRad69(std::string_view type) {
  throw Error(ErrorCode::kProtocol, StrCat("the server responded with ", type.empty() ? "something" : type,
                                           " instead of a SOAP envelope; check the URL of the archive"));
}

}  // namespace

void Rad69Receiver::OnHead(const HttpHead& head) {
  head_ = head;
  if (head.status == 204) {
    return;
  }
  if (head.status < 200 || head.status > 299) {
    body_ = Body::kFailure;
    return;
  }
  body_ = Body::kUnknown;
  const std::optional<MediaType> type = ParseMediaType(head.Header("content-type"));
  if (type && type->type == "text/html") {
    NoRad69(type->type);
  }
  // multipart/form-data too.
  if (type && type->type.starts_with("multipart/")) {
    root_id_ = ContentId(type->Parameter("start"));
    if (const std::string_view boundary = type->Parameter("boundary"); !boundary.empty()) {
      parser_ = std::make_unique<MultipartParser>(std::string(boundary), *this);
      body_ = Body::kMultipart;
    }
  }
}

void Rad69Receiver::OnBody(std::span<const std::byte> piece) {
  switch (body_) {
    case Body::kNone:
      return;
    case Body::kUnknown:
      return Sniff(piece);
    case Body::kMultipart:
      return parser_->Feed(piece);
    case Body::kEnvelope:
      return AddText(piece, kMaxEnvelope);
    case Body::kFailure:
      if (text_.size() >= kMaxFailure) {
        throw Enough();
      }
      text_.append(Text(piece).substr(0, kMaxFailure - text_.size()));
      return;
  }
}

// Servers send no Content-Type, or forget to name the boundary.
void Rad69Receiver::Sniff(std::span<const std::byte> piece) {
  const size_t start = Text(piece).find_first_not_of("\r\n\t \xEF\xBB\xBF");
  if (start == std::string_view::npos) {
    return;
  }
  const char first = Text(piece)[start];
  if (first == '<') {
    body_ = Body::kEnvelope;
  } else if (first == '-') {
    parser_ = std::make_unique<MultipartParser>("", *this);
    body_ = Body::kMultipart;
  } else {
    NoRad69(TruncateUtf8(IsValidUtf8(head_.Header("content-type")) ? head_.Header("content-type") : "?", 100));
  }
  OnBody(piece.subspan(start));
}

void Rad69Receiver::AddText(std::span<const std::byte> piece, size_t most) {
  if (piece.size() > most - std::min(most, text_.size())) {
    throw Error(ErrorCode::kProtocol, StrCat("the SOAP envelope of the response is longer than ", most >> 20, " MiB"));
  }
  text_.append(Text(piece));
}

bool Rad69Receiver::IsRoot(const std::string& id, const std::optional<MediaType>& type) const {
  if (response_) {
    return false;
  }
  if (IsSoap(type) || (!root_id_.empty() && id == root_id_)) {
    return true;
  }
  const bool may_be_file = type && (type->type == "application/dicom" || type->type == "application/octet-stream");
  return root_id_.empty() && parts_ == 0 && !may_be_file;
}

void Rad69Receiver::OnPartBegin(const PartHead& head) {
  files_.Confirm();
  if (files_.done()) {
    throw Enough();
  }
  part_id_ = ContentId(head.Header("content-id"));
  in_root_ = IsRoot(part_id_, ParseMediaType(head.Header("content-type")));
  ++parts_;
  if (in_root_) {
    text_.clear();
    return;
  }
  std::optional<Uid> expected;
  if (response_) {
    if (const auto document = response_->documents.find(part_id_); document != response_->documents.end()) {
      expected = document->second;
    } else {
      LogDebug("The archive sent a part that its SOAP envelope does not mention");
    }
  }
  files_.Begin(head.content_length, std::move(expected));
}

void Rad69Receiver::OnPartData(std::span<const std::byte> piece) {
  in_root_ ? AddText(piece, kMaxRoot) : files_.Add(piece);
}

void Rad69Receiver::OnPartEnd() {
  if (std::exchange(in_root_, false)) {
    ReadRoot();
    return;
  }
  std::string bad = files_.End();
  if (bad.empty()) {
    return;
  }
  problem_ = bad;
  if (bad_parts_.size() < kMaxBadParts && part_id_.size() < kMaxContentId) {
    bad_parts_[part_id_] = std::move(bad);
  }
}

// The files may be good all the same.
void Rad69Receiver::ReadRoot() {
  try {
    response_ = ParseRad69Response(std::exchange(text_, {}));
  } catch (const Error& error) {
    response_ = Rad69Response();
    response_->damaged = true;
    problem_ = error.what();
  }
  if (response_->damaged) {
    LogWarning("The archive's SOAP envelope is not well-formed; taken from it what could be made out");
  }
  TakeEmbedded();
}

void Rad69Receiver::TakeEmbedded() {
  for (const auto& [uid, bytes] : response_->embedded) {
    files_.Begin(bytes.size(), uid);
    files_.Add(std::as_bytes(std::span(bytes)));
    std::string bad = files_.End();
    if (bad.empty()) {
      files_.Confirm();
    } else {
      problem_ = bad;
      response_->documents.emplace(uid.str(), uid);
      bad_parts_[uid.str()] = std::move(bad);
    }
  }
  response_->embedded.clear();
}

void Rad69Receiver::Finish() {
  switch (body_) {
    case Body::kNone:
      problem_ = "the server responded with no content";
      return;
    case Body::kUnknown:
      problem_ = "the server responded with an empty body";
      return;
    case Body::kMultipart:
      parser_->Finish();
      files_.Confirm();
      return;
    case Body::kEnvelope:
      response_ = ParseRad69Response(std::exchange(text_, {}));
      TakeEmbedded();
      return;
    case Body::kFailure:
      break;
  }
  try {
    response_ = ParseRad69Response(text_);  // a SOAP Fault
  } catch (const Error&) {
    problem_ = text_.substr(0, text_.find('\0'));
  }
}

std::map<Uid, std::string> Rad69Receiver::BadParts() const {
  std::map<Uid, std::string> by_uid;
  if (response_) {
    for (const auto& [id, uid] : response_->documents) {
      if (const auto bad = bad_parts_.find(id); bad != bad_parts_.end()) {
        by_uid[uid] = bad->second;
      }
    }
  }
  return by_uid;
}

}  // namespace trolley
