#include "download/storage_contexts.h"

#include <algorithm>
#include <array>
#include <span>

#include "dicom/storage_classes.h"

namespace trolley {
namespace {

constexpr size_t kMaxContexts = 127;

// PS3.6 table A-1; what is rarely stored comes last.
constexpr std::array<std::string_view, 32> kSyntaxes = {
    kExplicitVrLittleEndian,   kImplicitVrLittleEndian,
    "1.2.840.10008.1.2.4.70",   // JPEG lossless, first-order prediction
    "1.2.840.10008.1.2.4.50",   // JPEG baseline
    "1.2.840.10008.1.2.4.90",   // JPEG 2000 lossless
    "1.2.840.10008.1.2.4.91",   // JPEG 2000
    "1.2.840.10008.1.2.4.80",   // JPEG-LS lossless
    "1.2.840.10008.1.2.5",      // RLE
    "1.2.840.10008.1.2.4.81",   // JPEG-LS near-lossless
    "1.2.840.10008.1.2.4.51",   // JPEG extended
    "1.2.840.10008.1.2.4.57",   // JPEG lossless
    "1.2.840.10008.1.2.2",      // Explicit VR Big Endian
    "1.2.840.10008.1.2.1.99",   // Deflated Explicit VR Little Endian
    "1.2.840.10008.1.2.4.102",  // MPEG-4 AVC High
    "1.2.840.10008.1.2.4.103",  // MPEG-4 AVC High, BD-compatible
    "1.2.840.10008.1.2.4.100",  // MPEG-2 Main
    "1.2.840.10008.1.2.4.101",  // MPEG-2 High
    "1.2.840.10008.1.2.4.104",  // MPEG-4 AVC High 4.2, 2D
    "1.2.840.10008.1.2.4.105",  // MPEG-4 AVC High 4.2, 3D
    "1.2.840.10008.1.2.4.106",  // MPEG-4 AVC Stereo High
    "1.2.840.10008.1.2.4.107",  // HEVC Main
    "1.2.840.10008.1.2.4.108",  // HEVC Main 10
    "1.2.840.10008.1.2.4.201",  // HTJ2K lossless
    "1.2.840.10008.1.2.4.202",  // HTJ2K lossless, RPCL
    "1.2.840.10008.1.2.4.203",  // HTJ2K
    "1.2.840.10008.1.2.4.92",   // JPEG 2000 part 2 lossless
    "1.2.840.10008.1.2.4.93",   // JPEG 2000 part 2
    "1.2.840.10008.1.2.4.110",  // JPEG XL lossless
    "1.2.840.10008.1.2.4.111",  // JPEG XL, JPEG recompression
    "1.2.840.10008.1.2.4.112",  // JPEG XL
    "1.2.840.10008.1.2.4.52",   // JPEG extended, retired processes
    "1.2.840.10008.1.2.4.53",
};
constexpr size_t kCommonSyntaxes = 8;
constexpr size_t kCommonCompressed = 6;  // what is tried when an archive takes no more than one syntax

}  // namespace

std::vector<ProposedContext> StorageContexts(const std::vector<std::string>& classes, std::string_view choice) {
  std::vector<ProposedContext> contexts;
  if (classes.empty()) {
    return contexts;
  }
  const size_t room = std::clamp(kMaxContexts / classes.size(), size_t{1}, kSyntaxes.size());
  for (const std::string& sop_class : classes) {
    if (contexts.size() == kMaxContexts) {
      break;
    }
    if (choice == kUncompressed) {
      contexts.push_back(
          {sop_class, {std::string(kExplicitVrLittleEndian), std::string(kImplicitVrLittleEndian)}, true});
    } else if (choice != kEachSyntax) {
      contexts.push_back({sop_class, {std::string(choice)}, true});
    } else {
      for (const std::string_view syntax : std::span(kSyntaxes).first(room)) {
        contexts.push_back({sop_class, {std::string(syntax)}, true});
      }
    }
  }
  return contexts;
}

std::vector<SyntaxChoice> NarrowerChoices(const std::vector<std::string>& accepted) {
  std::vector<SyntaxChoice> choices = {std::string(kUncompressed)};
  const auto is_uncompressed = [](std::string_view syntax) {
    return syntax == kExplicitVrLittleEndian || syntax == kImplicitVrLittleEndian;
  };
  if (accepted.size() > 1) {
    std::copy_if(accepted.begin(), accepted.end(), std::back_inserter(choices),
                 [&](const std::string& syntax) { return !is_uncompressed(syntax); });
  } else {  // it accepts one syntax of a class, so it did not say what else it could do
    for (const std::string_view syntax : std::span(kSyntaxes).subspan(2, kCommonCompressed)) {
      choices.emplace_back(syntax);
    }
  }
  return choices;
}

std::vector<std::vector<std::string>> StorageClassGroups() {
  constexpr size_t kGroup = kMaxContexts / kCommonSyntaxes;
  std::vector<std::vector<std::string>> groups;
  const std::vector<std::string>& all = StorageClasses();
  for (size_t begin = 0; begin < all.size(); begin += kGroup) {
    const size_t end = std::min(begin + kGroup, all.size());
    groups.emplace_back(all.begin() + static_cast<std::ptrdiff_t>(begin),
                        all.begin() + static_cast<std::ptrdiff_t>(end));
  }
  return groups;
}

}  // namespace trolley
