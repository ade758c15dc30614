#include "orthanc/orthanc_instances.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "trolley/error.h"

namespace trolley {
namespace {

// Levels of nesting.
constexpr size_t kList = 1;
constexpr size_t kInstance = 2;
constexpr size_t kTags = 3;
constexpr size_t kDeepest = 64;

}  // namespace

void OrthancInstanceReader::OnNumber(std::string_view literal) {
  RequireInside();
  if (depth_ == kInstance && member_ == "FileSize") {
    instance_.size = ParseUint(literal);
  }
}

void OrthancInstanceReader::OnString(std::string_view text) {
  RequireInside();
  if (depth_ == kInstance && member_ == "ID") {
    instance_.id = text;
  } else if (depth_ == kInstance && member_ == "ParentSeries") {
    instance_.series_id = text;
  } else if (depth_ == kTags && member_ == "MainDicomTags" && tag_ == "SOPInstanceUID") {
    instance_.uid = Uid::Parse(text);
  } else if (depth_ == kTags && member_ == "MainDicomTags" && tag_ == "InstanceNumber") {
    instance_.number = Trim(text);
  }
}

void OrthancInstanceReader::OnKey(std::string_view name) {
  if (depth_ == kInstance) {
    member_ = name;
  } else if (depth_ == kTags) {
    tag_ = name;
  }
}

void OrthancInstanceReader::OnBeginObject() {
  if (depth_ < kList || depth_ >= kDeepest) {
    throw Error(ErrorCode::kProtocol, "it is no list of instances");
  }
  ++depth_;
  tag_.clear();
}

void OrthancInstanceReader::OnEndObject() {
  if (--depth_ == kList) {
    each_(std::exchange(instance_, {}));
    member_.clear();
  }
}

void OrthancInstanceReader::OnBeginArray() {
  if (depth_ == kList || depth_ >= kDeepest) {
    throw Error(ErrorCode::kProtocol, "it is no list of instances");
  }
  ++depth_;
  tag_.clear();
}

void OrthancInstanceReader::RequireInside() const {
  if (depth_ < kInstance) {
    throw Error(ErrorCode::kProtocol, "it is no list of instances");
  }
}

void OrthancInstanceSink::OnBody(std::span<const std::byte> piece) {
  constexpr size_t kMaxText = 64 * 1024;
  const std::string_view text(reinterpret_cast<const char*>(piece.data()), piece.size());
  received_ += text.size();
  if (received_ > max_body_) {
    throw Error(ErrorCode::kTooMany, StrCat("a list of instances is longer than ", max_body_, " bytes"));
  }
  if (status_ == 200) {
    reader_.Read(text);
  } else {
    text_.append(text.substr(0, kMaxText - std::min(kMaxText, text_.size())));
  }
}

}  // namespace trolley
