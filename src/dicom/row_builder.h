#ifndef TROLLEY_DICOM_ROW_BUILDER_H_
#define TROLLEY_DICOM_ROW_BUILDER_H_

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "trolley/attributes.h"
#include "trolley/tag.h"

namespace trolley {

// Gathers the attributes of one row, in any order and also twice (the last one counts), in O(n log n).
class RowBuilder {
 public:
  void Add(Tag tag, std::string_view text);
  // The row; the builder is empty afterwards.
  Attributes Take();

 private:
  struct Field {
    Tag tag;
    size_t begin;
    size_t length;
  };
  std::vector<Field> fields_;
  std::string texts_;
  bool sorted_ = true;
};

// What has been read of one attribute of the DICOM JSON model: {"vr": "PN", "Value": [{"Alphabetic": "Doe^Jane"}]}. Its
// members may come in any order, so the VR may be known only at its end. Used again and again for the sake of its
// memory.
class AttributeBuilder {
 public:
  // Of one attribute's text; a longer one is left out. LT, the longest VR that has a bound, has 40 KiB at most.
  static constexpr size_t kMaxText = 64 * 1024;

  void Begin(Tag tag);
  void SetVr(std::string_view vr) { vr_ = vr; }
  // It is a nested data set, or its data stand elsewhere or are binary.
  void LeaveOut() { left_out_ = true; }
  void AddValue(std::string_view text);

  // A value that is a person name in parts.
  void BeginName();
  // False when `member` is not one of a person name's.
  bool SetGroup(std::string_view member, std::string_view text);
  void EndName();

  void End(RowBuilder& row);

 private:
  Tag tag_;
  std::string vr_;
  std::vector<std::string> values_;  // the first count_ are this attribute's
  size_t count_ = 0;
  size_t bytes_ = 0;
  bool left_out_ = false;
  std::array<std::string, 3> groups_;
  std::string joined_;
};

}  // namespace trolley

#endif  // TROLLEY_DICOM_ROW_BUILDER_H_
