#ifndef TROLLEY_DICOM_TEXT_FOLD_H_
#define TROLLEY_DICOM_TEXT_FOLD_H_

#include <string>
#include <string_view>

namespace trolley {

// What is left out of account when texts are compared.
enum class Fold {
  kNone,
  kCase,            // case of Latin, Greek and Cyrillic letters; composed and decomposed accents are the same
  kCaseAndAccents,  // accents too
};

inline constexpr char32_t kReplacementCharacter = 0xFFFD;

// The characters of a UTF-8 text, folded for comparison; kReplacementCharacter for each byte that is not UTF-8.
std::u32string FoldText(std::string_view text, Fold fold);

}  // namespace trolley

#endif  // TROLLEY_DICOM_TEXT_FOLD_H_
