#include "dicom/row_builder.h"

#include <algorithm>

#include "base/text.h"

namespace trolley {
namespace {

// One value as the data set would hold it: leading blanks are insignificant except in texts of paragraphs, PS3.5 §6.2.
std::string_view TrimForVr(std::string_view text, std::string_view vr) {
  constexpr std::string_view kPadding(" \0", 2);
  const size_t end = text.find_last_not_of(kPadding);
  text = text.substr(0, end == std::string_view::npos ? 0 : end + 1);
  if (vr != "LT" && vr != "ST" && vr != "UT" && vr != "UC") {
    text.remove_prefix(std::min(text.find_first_not_of(kPadding), text.size()));
  }
  return text;
}

}  // namespace

void RowBuilder::Add(Tag tag, std::string_view text) {
  sorted_ = sorted_ && (fields_.empty() || fields_.back().tag < tag);
  fields_.push_back({tag, texts_.size(), text.size()});
  texts_.append(text);
}

Attributes RowBuilder::Take() {
  if (!sorted_) {
    std::stable_sort(fields_.begin(), fields_.end(), [](const Field& a, const Field& b) { return a.tag < b.tag; });
  }
  Attributes row;
  row.Reserve(fields_.size(), texts_.size());
  for (auto field = fields_.begin(); field != fields_.end(); ++field) {
    if (field + 1 == fields_.end() || field[1].tag != field->tag) {
      row.Set(field->tag, std::string_view(texts_).substr(field->begin, field->length));
    }
  }
  fields_.clear();
  texts_.clear();
  sorted_ = true;
  return row;
}

void AttributeBuilder::Begin(Tag tag) {
  tag_ = tag;
  vr_.clear();
  count_ = 0;
  bytes_ = 0;
  left_out_ = false;
}

void AttributeBuilder::AddValue(std::string_view text) {
  bytes_ += text.size() + 1;
  if (bytes_ > kMaxText + 1) {
    left_out_ = true;
  }
  if (left_out_) {
    return;
  }
  if (count_ == values_.size()) {
    values_.emplace_back();
  }
  values_[count_++].assign(text);
}

void AttributeBuilder::BeginName() {
  for (std::string& group : groups_) {
    group.clear();
  }
}

bool AttributeBuilder::SetGroup(std::string_view member, std::string_view text) {
  constexpr std::array<std::string_view, 3> kGroups = {"Alphabetic", "Ideographic", "Phonetic"};
  const auto at = std::find(kGroups.begin(), kGroups.end(), member);
  if (at == kGroups.end()) {
    return false;
  }
  groups_[static_cast<size_t>(at - kGroups.begin())] = TrimForVr(text, "PN");
  return true;
}

void AttributeBuilder::EndName() {
  std::string name = StrCat(groups_[0], "=", groups_[1], "=", groups_[2]);
  name.erase(name.find_last_not_of('=') + 1);
  AddValue(name);
}

void AttributeBuilder::End(RowBuilder& row) {
  if (vr_.size() != 2 || vr_ == "UN") {
    vr_ = VrOf(tag_);
  }
  if (left_out_ || vr_ == "SQ" || vr_.front() == 'O') {
    return;
  }
  joined_.clear();
  for (size_t i = 0; i < count_; ++i) {
    joined_.append(i == 0 ? "" : "\\").append(TrimForVr(values_[i], vr_));
  }
  row.Add(tag_, joined_);
}

}  // namespace trolley
