#include "tree/table.h"

#include <algorithm>
#include <utility>

namespace trolley {

NameTable::NameTable(size_t count, const std::function<std::string_view(size_t index)>& name) {
  size_t bytes = 0;
  for (size_t i = 0; i < count; ++i) {
    bytes += name(i).size();
  }
  text_.reserve(bytes);
  ends_.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    text_.append(name(i));
    ends_.push_back(static_cast<uint32_t>(text_.size()));
  }
}

std::string_view NameTable::operator[](size_t index) const {
  const uint32_t begin = index == 0 ? 0 : ends_[index - 1];
  return std::string_view(text_).substr(begin, ends_[index] - begin);
}

std::optional<size_t> NameTable::IndexOf(std::string_view name) const {
  size_t low = 0;
  size_t high = ends_.size();
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if ((*this)[middle] < name) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < ends_.size() && (*this)[low] == name ? std::optional(low) : std::nullopt;
}

Table::Table(std::unique_ptr<const Rows> rows) : content_(std::move(rows)) {
  const NamedRows named = content_->Name();
  std::vector<uint32_t> order = RowIndices(named.names.size());
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return named.names[a] < named.names[b]; });
  rows_.reserve(order.size());
  for (const uint32_t index : order) {
    rows_.push_back(named.rows[index]);
  }
  names_ = NameTable(order.size(), [&](size_t index) -> std::string_view { return named.names[order[index]]; });
}

std::optional<size_t> Table::IndexOfUid(const Uid& uid) const {
  if (rows_.empty() || this->uid(0) == nullptr) {
    return std::nullopt;
  }
  const auto text = [this](uint32_t index) -> const std::string& { return this->uid(index)->str(); };
  std::call_once(by_uid_made_, [&] {
    by_uid_ = RowIndices(rows_.size());
    std::sort(by_uid_.begin(), by_uid_.end(), [&](uint32_t a, uint32_t b) { return text(a) < text(b); });
  });
  const auto found = std::lower_bound(by_uid_.begin(), by_uid_.end(), uid.str(),
                                      [&](uint32_t index, const std::string& id) { return text(index) < id; });
  if (found == by_uid_.end() || text(*found) != uid.str()) {
    return std::nullopt;
  }
  return *found;
}

std::optional<size_t> Table::IndexOfPatient(std::string_view patient_id) const {
  for (size_t index = 0; index < rows_.size(); ++index) {
    const auto id = content_->patient_id(rows_[index]);
    if (!id) {
      return std::nullopt;
    }
    if (*id == patient_id) {
      return index;
    }
  }
  return std::nullopt;
}

std::vector<Uid> Table::Uids() const {
  std::vector<Uid> uids;
  uids.reserve(rows_.size());
  for (const uint32_t row : rows_) {
    uids.push_back(*content_->uid(row));
  }
  return uids;
}

}  // namespace trolley
