#include "dicom/text_fold.h"

#include <algorithm>
#include <iterator>

namespace trolley {
namespace {

struct Accented {
  char32_t composed;
  char32_t base;
  char32_t mark;
};

// Canonical decompositions of small letters, from UnicodeData.txt; ordered.
// clang-format off
constexpr Accented kAccented[] = {
    {0x00E0, 0x0061, 0x0300},
    {0x00E1, 0x0061, 0x0301},
    {0x00E2, 0x0061, 0x0302},
    {0x00E3, 0x0061, 0x0303},
    {0x00E4, 0x0061, 0x0308},
    {0x00E5, 0x0061, 0x030A},
    {0x00E7, 0x0063, 0x0327},
    {0x00E8, 0x0065, 0x0300},
    {0x00E9, 0x0065, 0x0301},
    {0x00EA, 0x0065, 0x0302},
    {0x00EB, 0x0065, 0x0308},
    {0x00EC, 0x0069, 0x0300},
    {0x00ED, 0x0069, 0x0301},
    {0x00EE, 0x0069, 0x0302},
    {0x00EF, 0x0069, 0x0308},
    {0x00F1, 0x006E, 0x0303},
    {0x00F2, 0x006F, 0x0300},
    {0x00F3, 0x006F, 0x0301},
    {0x00F4, 0x006F, 0x0302},
    {0x00F5, 0x006F, 0x0303},
    {0x00F6, 0x006F, 0x0308},
    {0x00F9, 0x0075, 0x0300},
    {0x00FA, 0x0075, 0x0301},
    {0x00FB, 0x0075, 0x0302},
    {0x00FC, 0x0075, 0x0308},
    {0x00FD, 0x0079, 0x0301},
    {0x00FF, 0x0079, 0x0308},
    {0x0101, 0x0061, 0x0304},
    {0x0103, 0x0061, 0x0306},
    {0x0105, 0x0061, 0x0328},
    {0x0107, 0x0063, 0x0301},
    {0x0109, 0x0063, 0x0302},
    {0x010B, 0x0063, 0x0307},
    {0x010D, 0x0063, 0x030C},
    {0x010F, 0x0064, 0x030C},
    {0x0113, 0x0065, 0x0304},
    {0x0115, 0x0065, 0x0306},
    {0x0117, 0x0065, 0x0307},
    {0x0119, 0x0065, 0x0328},
    {0x011B, 0x0065, 0x030C},
    {0x011D, 0x0067, 0x0302},
    {0x011F, 0x0067, 0x0306},
    {0x0121, 0x0067, 0x0307},
    {0x0123, 0x0067, 0x0327},
    {0x0125, 0x0068, 0x0302},
    {0x0129, 0x0069, 0x0303},
    {0x012B, 0x0069, 0x0304},
    {0x012D, 0x0069, 0x0306},
    {0x012F, 0x0069, 0x0328},
    {0x0135, 0x006A, 0x0302},
    {0x0137, 0x006B, 0x0327},
    {0x013A, 0x006C, 0x0301},
    {0x013C, 0x006C, 0x0327},
    {0x013E, 0x006C, 0x030C},
    {0x0144, 0x006E, 0x0301},
    {0x0146, 0x006E, 0x0327},
    {0x0148, 0x006E, 0x030C},
    {0x014D, 0x006F, 0x0304},
    {0x014F, 0x006F, 0x0306},
    {0x0151, 0x006F, 0x030B},
    {0x0155, 0x0072, 0x0301},
    {0x0157, 0x0072, 0x0327},
    {0x0159, 0x0072, 0x030C},
    {0x015B, 0x0073, 0x0301},
    {0x015D, 0x0073, 0x0302},
    {0x015F, 0x0073, 0x0327},
    {0x0161, 0x0073, 0x030C},
    {0x0163, 0x0074, 0x0327},
    {0x0165, 0x0074, 0x030C},
    {0x0169, 0x0075, 0x0303},
    {0x016B, 0x0075, 0x0304},
    {0x016D, 0x0075, 0x0306},
    {0x016F, 0x0075, 0x030A},
    {0x0171, 0x0075, 0x030B},
    {0x0173, 0x0075, 0x0328},
    {0x0175, 0x0077, 0x0302},
    {0x0177, 0x0079, 0x0302},
    {0x017A, 0x007A, 0x0301},
    {0x017C, 0x007A, 0x0307},
    {0x017E, 0x007A, 0x030C},
    {0x03AC, 0x03B1, 0x0301},
    {0x03AD, 0x03B5, 0x0301},
    {0x03AE, 0x03B7, 0x0301},
    {0x03AF, 0x03B9, 0x0301},
    {0x03B0, 0x03CB, 0x0301},
    {0x03CA, 0x03B9, 0x0308},
    {0x03CB, 0x03C5, 0x0308},
    {0x03CC, 0x03BF, 0x0301},
    {0x03CD, 0x03C5, 0x0301},
    {0x03CE, 0x03C9, 0x0301},
    {0x0439, 0x0438, 0x0306},
    {0x0451, 0x0435, 0x0308},
    {0x0457, 0x0456, 0x0308},
    {0x045E, 0x0443, 0x0306},
};
// clang-format on

bool IsCombiningMark(char32_t c) {
  return c >= 0x0300 && c <= 0x036F;
}

bool IsBetween(char32_t c, char32_t first, char32_t last) {
  return c >= first && c <= last;
}

char32_t LowerLatin(char32_t c) {
  if (IsBetween(c, U'A', U'Z') || (IsBetween(c, 0xC0, 0xDE) && c != 0xD7)) {
    return c + 32;
  }
  if (c == 0x0130) {
    return U'i';
  }
  if (c == 0x0178) {
    return 0xFF;
  }
  if (IsBetween(c, 0x0100, 0x0137) || IsBetween(c, 0x014A, 0x0177)) {
    return c | 1;
  }
  if (IsBetween(c, 0x0139, 0x0148) || IsBetween(c, 0x0179, 0x017E)) {
    return c + (c & 1);
  }
  return c;
}

char32_t LowerGreek(char32_t c) {
  if (IsBetween(c, 0x0391, 0x03AB)) {
    return c + 32;
  }
  if (IsBetween(c, 0x0388, 0x038A)) {
    return c + 37;
  }
  switch (c) {
    case 0x0386:
      return 0x03AC;
    case 0x038C:
      return 0x03CC;
    case 0x038E:
    case 0x038F:
      return c + 63;
    case 0x03C2:  // the final sigma is a sigma
      return 0x03C3;
    default:
      return c;
  }
}

char32_t LowerCyrillic(char32_t c) {
  if (IsBetween(c, 0x0410, 0x042F)) {
    return c + 32;
  }
  if (IsBetween(c, 0x0400, 0x040F)) {
    return c + 80;
  }
  if (IsBetween(c, 0x0460, 0x0481) || IsBetween(c, 0x048A, 0x04BF) || IsBetween(c, 0x04D0, 0x052F)) {
    return c | 1;
  }
  return c;
}

char32_t Lower(char32_t c) {
  if (c < 0x0180) {
    return LowerLatin(c);
  }
  if (IsBetween(c, 0x0380, 0x03FF)) {
    return LowerGreek(c);
  }
  if (IsBetween(c, 0x0400, 0x052F)) {
    return LowerCyrillic(c);
  }
  return IsBetween(c, 0xFF21, 0xFF3A) ? c + 32 : c;  // fullwidth Latin
}

// Letters whose plain spelling no decomposition gives; empty for any other.
std::u32string_view PlainSpelling(char32_t c) {
  switch (c) {
    case 0x00DF:
      return U"ss";
    case 0x00E6:
      return U"ae";
    case 0x00F8:
      return U"o";
    case 0x0111:
      return U"d";
    case 0x0131:
      return U"i";
    case 0x0142:
      return U"l";
    case 0x0153:
      return U"oe";
    default:
      return {};
  }
}

char32_t WithoutAccent(char32_t c) {
  const auto* at = std::lower_bound(std::begin(kAccented), std::end(kAccented), c,
                                    [](const Accented& a, char32_t wanted) { return a.composed < wanted; });
  return at != std::end(kAccented) && at->composed == c ? at->base : c;
}

// The composed character, or 0 when there is none.
char32_t Compose(char32_t base, char32_t mark) {
  const auto* at = std::find_if(std::begin(kAccented), std::end(kAccented),
                                [&](const Accented& a) { return a.base == base && a.mark == mark; });
  return at == std::end(kAccented) ? 0 : at->composed;
}

// Takes one character off the front of `text`, which is not empty.
char32_t TakeCharacter(std::string_view& text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  const size_t length = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
  char32_t c = length < 2 ? lead : lead & (0xFFu >> (length + 1));
  bool valid = length != 0 && length <= text.size();
  for (size_t i = 1; valid && i < length; ++i) {
    valid = (byte(i) & 0xC0) == 0x80;
    c = c << 6 | (byte(i) & 0x3F);
  }
  text.remove_prefix(valid ? length : 1);
  return valid ? c : kReplacementCharacter;
}

}  // namespace

std::u32string FoldText(std::string_view text, Fold fold) {
  std::u32string out;
  out.reserve(text.size());
  while (!text.empty()) {
    char32_t c = TakeCharacter(text);
    if (fold == Fold::kNone) {
      out.push_back(c);
      continue;
    }
    c = Lower(c);
    if (IsCombiningMark(c)) {
      const char32_t composed = out.empty() || fold == Fold::kCaseAndAccents ? 0 : Compose(out.back(), c);
      if (composed != 0) {
        out.back() = composed;
        continue;
      }
    }
    if (fold == Fold::kCase) {
      out.push_back(c);
    } else if (const auto plain = PlainSpelling(c); !plain.empty()) {
      out.append(plain);
    } else if (!IsCombiningMark(c)) {
      out.push_back(WithoutAccent(c));
    }
  }
  return out;
}

}  // namespace trolley
