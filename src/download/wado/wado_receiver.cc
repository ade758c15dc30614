// Called by the HTTP client on the thread that downloads. It must not buffer a file: pieces go on as they arrive.
#include "download/wado/wado_receiver.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "http/media_type.h"
#include "trolley/error.h"

namespace trolley {
namespace {

constexpr size_t kMagicEnd = 132;                        // preamble and "DICM"
constexpr size_t kMaxFailureText = 1024;                 // for messages
constexpr uint64_t kMaxFailureBody = uint64_t{1} << 20;  // more of an error page is not waited for

std::string_view Text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool HasMagic(std::span<const std::byte> bytes) {
  return bytes.size() >= kMagicEnd && Text(bytes).substr(kMagicEnd - 4, 4) == "DICM";
}

[[noreturn]] void NotDicom(std::string_view type) {
  throw Error(ErrorCode::kProtocol, StrCat("the server responded with ", type.empty() ? "something" : type,
                                           " instead of DICOM; check the URL of the archive"));
}

bool IsForPeople(std::string_view type) {
  return type.starts_with("text/") || type.ends_with("json") || type.ends_with("xml") || type.ends_with("html");
}

}  // namespace

WadoReceiver::WadoReceiver(std::span<const InstanceReference> wanted, DownloadSink& sink) : files_(wanted, sink) {}
WadoReceiver::WadoReceiver(SeriesReference all_of, DownloadSink& sink) : files_(std::move(all_of), sink) {}

void WadoReceiver::OnHead(const HttpHead& head) {
  if (head.status == 204) {
    return;
  }
  if (head.status < 200 || head.status > 299) {
    body_ = Body::kFailure;
    return;
  }
  length_ = head.content_length;
  end_is_marked_ = length_ || AsciiLower(head.Header("transfer-encoding")).find("chunked") != std::string::npos;
  const std::optional<MediaType> type = ParseMediaType(head.Header("content-type"));
  if (type && IsForPeople(type->type)) {
    NotDicom(type->type);
  }
  if (type && (type->type.starts_with("image/") || type->type.starts_with("video/"))) {
    rendered_type_ = type->type;
  }
  body_ = Body::kUnknown;
  if (type && type->type.starts_with("multipart/") && !type->Parameter("boundary").empty()) {
    parser_ = std::make_unique<MultipartParser>(std::string(type->Parameter("boundary")), *this);
    body_ = Body::kMultipart;
  }
}

void WadoReceiver::OnBody(std::span<const std::byte> piece) {
  switch (body_) {
    case Body::kNone:
      return;
    case Body::kFailure:
      failure_text_.append(Text(piece).substr(0, kMaxFailureText - failure_text_.size()));
      failure_bytes_ += piece.size();
      if (failure_bytes_ > kMaxFailureBody) {
        throw Enough();
      }
      return;
    case Body::kUnknown:
      held_.insert(held_.end(), piece.begin(), piece.end());
      if (held_.size() >= kMagicEnd) {
        Sniff();
      }
      return;
    case Body::kMultipart:
      parser_->Feed(piece);
      return;
    case Body::kSingle:
      files_.Add(piece);
      return;
  }
}

// Servers respond with a bare file where multipart was asked for, and forget to name the boundary.
void WadoReceiver::Sniff() {
  const std::vector<std::byte> begin = std::exchange(held_, {});
  if (HasMagic(begin)) {
    if (!end_is_marked_) {
      throw Error(
          ErrorCode::kProtocol,
          "the server neither tells the length of its response nor marks its end, so that a lost connection would "
          "go unnoticed");
    }
    body_ = Body::kSingle;
    BeginPart(length_);
    files_.Add(begin);
    return;
  }
  const std::string_view text = Text(begin);
  const size_t start = std::min(text.find_first_not_of("\r\n"), text.size());
  if (!text.substr(start).starts_with("--")) {
    NotDicom(rendered_type_);
  }
  parser_ = std::make_unique<MultipartParser>("", *this);
  body_ = Body::kMultipart;
  parser_->Feed(std::span(begin).subspan(start));
}

void WadoReceiver::Finish() {
  switch (body_) {
    case Body::kNone:
      reason_ = "the server responded with no content";
      return;
    case Body::kFailure:
      return;
    case Body::kUnknown:
      if (held_.empty()) {
        reason_ = "the server responded with an empty body";
        return;
      }
      Sniff();  // too short for a file: only an empty multipart body can be
      [[fallthrough]];
    case Body::kMultipart:
      parser_->Finish();
      break;
    case Body::kSingle:
      EndPart();
      break;
  }
  files_.Confirm();
}

void WadoReceiver::BeginPart(std::optional<uint64_t> length) {
  files_.Confirm();
  if (files_.done()) {
    throw Enough();
  }
  files_.Begin(length);
}

void WadoReceiver::EndPart() {
  const std::string reason = files_.End();
  if (!reason.empty()) {
    reason_ = reason;
  }
}

}  // namespace trolley
