#include <inotify/json.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string_view>
#include <utility>

#include <inotify/detail/escape.hpp>

namespace inotify::inline v0 {
namespace {

void append_hex(std::string& json, char32_t unit) {
  std::array<char, 8> escape{};
  std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned>(unit));
  json += escape.data();
}

// Appends a character that is not to be there as it is. All of them are below U+10000.
void append_escape(std::string& json, char32_t c) {
  constexpr std::string_view plain = "\"\\\b\f\n\r\t";
  constexpr std::string_view letters = "\"\\bfnrt";
  const auto at = c < 0x80 ? plain.find(static_cast<char>(c)) : std::string_view::npos;
  if (at == std::string_view::npos) return append_hex(json, c);
  json += '\\';
  json += letters[at];
}

// Appends `text` as a string; false, and nothing of use, if it is not UTF-8.
bool append_string(std::string& json, std::string_view text) {
  json += '"';
  while (!text.empty()) {
    const detail::Letter letter = detail::first_letter(text);
    if (letter.length == 0) return false;
    if (letter.code == '"' || letter.code == '\\' || detail::is_control(letter.code)) {
      append_escape(json, letter.code);
    } else {
      json += text.substr(0, letter.length);
    }
    text.remove_prefix(letter.length);
  }
  json += '"';
  return true;
}

void append_base64(std::string& json, std::string_view bytes) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  json += '"';
  for (; !bytes.empty(); bytes.remove_prefix(std::min<std::size_t>(3, bytes.size()))) {
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i)
      bits = bits << 8 | (i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0U);
    for (std::size_t i = 0; i < 4; ++i)
      json += i <= bytes.size() ? digits[bits >> (18 - 6 * i) & 0x3f] : '=';
  }
  json += '"';
}

// Appends `"key":"text"`.
void append_text(std::string& json, std::string_view key, std::string_view text) {
  const std::size_t begin = json.size();
  json.append("\"").append(key).append("\":");
  if (append_string(json, text)) return;
  json.resize(begin);
  json.append("\"").append(key).append("_base64\":");
  append_base64(json, text);
}

void append_error(std::string& json, const std::error_code& error) {
  json += ",\"error\":";
  if (!error) {
    json += "null";
    return;
  }
  json.append("{\"value\":").append(std::to_string(error.value())).append(",");
  append_text(json, "message", error.message());
  json += '}';
}

void append_members(std::string& json, const Event& event) {
  json.append("\"wd\":").append(std::to_string(event.wd));
  json.append(",\"mask\":").append(std::to_string(event.mask));
  const char* before = ",\"events\":[\"";
  for (const std::string& bit : decode_mask(event.mask)) {
    json.append(before).append(bit);
    before = "\",\"";
  }
  json += event.mask == 0 ? ",\"events\":[]" : "\"]";
  json.append(",\"cookie\":").append(std::to_string(event.cookie));
  json.append(",\"synthetic\":").append(event.synthetic ? "true" : "false");
  const std::array<std::pair<std::string_view, std::string_view>, 5> texts{
      {{"name", event.name},
       {"path", event.path},
       {"fullpath", event.fullpath},
       {"moved_from", event.moved_from},
       {"moved_to", event.moved_to}}};
  for (const auto& [key, text] : texts) {
    json += ',';
    append_text(json, key, text);
  }
  append_error(json, event.error);
}

void append_time(std::string& json, std::chrono::system_clock::time_point time) {
  using namespace std::chrono;
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(floor<microseconds>(time - day));
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%06dZ",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()),
                static_cast<int>(clock.subseconds().count()));
  json.append("\"time\":\"").append(text.data()).append("\",");
}

}  // namespace

std::string to_json(const Event& event) {
  std::string json = "{";
  append_members(json, event);
  return json += '}';
}

std::string to_json(const Event& event, std::chrono::system_clock::time_point time) {
  std::string json = "{";
  append_time(json, time);
  append_members(json, event);
  return json += '}';
}

}  // namespace inotify::inline v0
