// sysno.def against a kernel header, at compile time.
//
// A name becomes the text of its __NR_ macro: digits where the header defines
// it, the macro's own name where it does not (the header may be older than
// sysno.def, so that is no fault).  So no list of #ifdefs is needed.
#pragma once

#include <cstdint>
#include <string_view>

#define NESTP_NUMBER_TEXT_OF(text) #text
#define NESTP_NUMBER_TEXT(macro) NESTP_NUMBER_TEXT_OF(macro)

namespace nestp::detail {

constexpr bool agrees(std::string_view header_text, std::int32_t number) {
  std::int32_t in_header = 0;
  for (const char digit : header_text) {
    if (digit < '0' || digit > '9') return true;  // not defined, or an expression
    in_header = in_header * 10 + (digit - '0');
  }
  return in_header == number;
}

}  // namespace nestp::detail
