// Events as JSON: parsed back here, and by python3.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cctype>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <inotify/error.hpp>
#include <inotify/json.hpp>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "support/temp_dir.hpp"

namespace {

using inotify::Event;
using inotify::OwnedEvent;
using inotify::to_json;

OwnedEvent moved() {
  OwnedEvent event;
  event.wd = 3;
  event.mask = IN_MOVED_TO | IN_ISDIR;
  event.cookie = 42;
  event.name = "new";
  event.path = "/tmp";
  event.fullpath = "/tmp/new";
  event.moved_from = "/tmp/old";
  return event;
}

TEST(Json, HasEveryMember) {
  EXPECT_EQ(to_json(moved().view()),
            R"({"wd":3,"mask":1073741952,"events":["IN_MOVED_TO","IN_ISDIR"],"cookie":42,)"
            R"("synthetic":false,"name":"new","path":"/tmp","fullpath":"/tmp/new",)"
            R"("moved_from":"/tmp/old","moved_to":"","error":null})");
}

TEST(Json, AnErrorHasItsNumberAndItsMessage) {
  Event event;
  event.path = event.fullpath = "/tmp/\"d\"";
  event.error = inotify::make_error(EACCES);
  const std::string json = to_json(event);
  EXPECT_NE(json.find(R"("wd":-1,"mask":0,"events":[],"cookie":0,"synthetic":false,"name":"",)"
                      R"("path":"/tmp/\"d\"",)"),
            std::string::npos)
      << json;
  EXPECT_NE(json.find(R"("error":{"value":13,"message":")"), std::string::npos) << json;
}

TEST(Json, EscapesWhatMustBeAndWhatATerminalActsOn) {
  Event event;
  event.name =
      "\"\\/\b\f\n\r\t\x01\x1f\x7f\xc2\x9b\xe2\x80\xa8\xe2\x80\xae\xc3\xa9\xf0\x9f\x98\x80";
  const std::string json = to_json(event);
  EXPECT_NE(
      json.find("\"name\":\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f\\u009b\\u2028\\u202e"
                "\xc3\xa9\xf0\x9f\x98\x80\""),
      std::string::npos)
      << json;
}

TEST(Json, WhatIsNotUtf8ComesInBase64) {
  for (const auto& [bytes, base64] :
       std::map<std::string, std::string>{{"\xff", "/w=="},
                                          {"\xff\xfe", "//4="},
                                          {"\xff\xfe"
                                           "a",
                                           "//5h"},
                                          {"a\xc3", "YcM="},
                                          {"\xed\xa0\x80", "7aCA"},           // a surrogate
                                          {"\xc0\xaf", "wK8="},               // not the shortest
                                          {"\xf4\x90\x80\x80", "9JCAgA=="}})  // beyond Unicode
  {
    Event event;
    event.name = bytes;
    const std::string json = to_json(event);
    EXPECT_NE(json.find("\"name_base64\":\"" + base64 + "\","), std::string::npos) << json;
    EXPECT_EQ(json.find("\"name\":"), std::string::npos) << json;
  }
}

TEST(Json, TellsTheTimeItIsGiven) {
  using namespace std::chrono;
  const auto at = [](microseconds since) {
    return to_json(Event{}, system_clock::time_point(duration_cast<system_clock::duration>(since)))
        .substr(0, 37);
  };
  EXPECT_EQ(at(microseconds(0)), R"({"time":"1970-01-01T00:00:00.000000Z")");
  EXPECT_EQ(at(microseconds(951868799'000001)), R"({"time":"2000-02-29T23:59:59.000001Z")");
  EXPECT_EQ(at(microseconds(-1)), R"({"time":"1969-12-31T23:59:59.999999Z")");
}

// ---- and back

// The members of a JSON object, strings without their escapes and base64; null, numbers, arrays and
// objects as they stand there. Throws if it is not well-formed, as far as that goes.
class Parser {
 public:
  explicit Parser(std::string_view json) : json_(json) {}

  std::map<std::string, std::string> members() {
    std::map<std::string, std::string> result;
    expect('{');
    do {
      std::string key = string();
      expect(':');
      std::string value = peek() == '"' ? string() : other();
      constexpr std::string_view suffix = "_base64";
      if (key.ends_with(suffix)) {
        key.resize(key.size() - suffix.size());
        value = decoded(value);
      }
      result[key] = value;
    } while (take(','));
    expect('}');
    if (!json_.empty()) throw std::invalid_argument("more after the object");
    return result;
  }

 private:
  char peek() const { return json_.empty() ? '\0' : json_.front(); }
  char next() {
    if (json_.empty()) throw std::invalid_argument("ends too early");
    const char c = json_.front();
    json_.remove_prefix(1);
    return c;
  }
  bool take(char c) { return peek() == c && next() == c; }
  void expect(char c) {
    if (next() != c) throw std::invalid_argument(std::string("no ") + c);
  }

  // What has no strings in it but plain ones.
  std::string other() {
    std::string text;
    int depth = 0;
    bool is_quoted = false;
    while (depth > 0 || (peek() != ',' && peek() != '}')) {
      const char c = next();
      text += c;
      if (c == '\\') text += next();
      if (c == '"') is_quoted = !is_quoted;
      if (!is_quoted) depth += (c == '[' || c == '{') - (c == ']' || c == '}');
    }
    return text;
  }

  std::string string() {
    std::string text;
    expect('"');
    for (char c = next(); c != '"'; c = next()) {
      if (static_cast<unsigned char>(c) < 0x20) throw std::invalid_argument("a control character");
      if (c == '\\') {
        escape(text);
      } else {
        text += c;
      }
    }
    return text;
  }

  void escape(std::string& text) {
    constexpr std::string_view letters = "\"\\/bfnrt";
    constexpr std::string_view meant = "\"\\/\b\f\n\r\t";
    const char c = next();
    if (const auto at = letters.find(c); at != std::string_view::npos) {
      text += meant[at];
      return;
    }
    if (c != 'u') throw std::invalid_argument("no escape");
    unsigned code = 0;
    for (int i = 0; i < 4; ++i) {
      const char digit = next();
      if (std::isxdigit(static_cast<unsigned char>(digit)) == 0)
        throw std::invalid_argument("no digit");
      code = code * 16 + static_cast<unsigned>(std::stoi(std::string(1, digit), nullptr, 16));
    }
    const auto byte = [&](unsigned bits) { text += static_cast<char>(bits); };
    if (code < 0x80) return byte(code);
    if (code < 0x800) {
      byte(0xc0 | code >> 6);
    } else {
      byte(0xe0 | code >> 12);
      byte(0x80 | (code >> 6 & 0x3f));
    }
    byte(0x80 | (code & 0x3f));
  }

  static std::string decoded(std::string_view base64) {
    constexpr std::string_view digits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (base64.size() % 4 != 0) throw std::invalid_argument("base64 of no whole length");
    std::string bytes;
    std::uint32_t bits = 0;
    int count = 0;
    for (const char c : base64.substr(0, base64.find('='))) {
      const auto digit = digits.find(c);
      if (digit == std::string_view::npos) throw std::invalid_argument("no digit of base64");
      bits = bits << 6 | static_cast<std::uint32_t>(digit);
      if ((count += 6) >= 8) bytes += static_cast<char>(bits >> (count -= 8));
    }
    return bytes;
  }

  std::string_view json_;
};

// Texts that are likely to be near the borders: pieces of UTF-8, whole and broken, and any bytes.
class Texts {
 public:
  explicit Texts(std::uint32_t seed) : random_(seed) {}

  std::string operator()() {
    static const std::vector<std::string> pieces{"a",
                                                 "/",
                                                 "\"",
                                                 "\\",
                                                 "\n",
                                                 "\x1b",
                                                 "\x7f",
                                                 "\xc2\x85",
                                                 "\xc3\xa9",
                                                 "\xe2\x80\xa8",
                                                 "\xe2\x80\xae",
                                                 "\xe2\x82\xac",
                                                 "\xf0\x9f\x98\x80",
                                                 "\xc3",
                                                 "\x80",
                                                 "\xed\xa0\x80",
                                                 "\xf4\x90\x80\x80",
                                                 "\xc0\x80",
                                                 "\xe2\x82",
                                                 "\\u0041",
                                                 "_base64"};
    std::string text;
    for (auto left = random_() % 12; left > 0; --left) {
      const auto choice = random_() % (pieces.size() + 2);
      if (choice < pieces.size())
        text += pieces[choice];
      else
        text += static_cast<char>(1 + random_() % 255);
    }
    return text;
  }

  OwnedEvent event() {
    OwnedEvent event;
    event.wd = static_cast<int>(random_());
    event.mask = static_cast<inotify::Mask>(random_());
    event.cookie = static_cast<std::uint32_t>(random_());
    event.synthetic = random_() % 2 == 0;
    for (std::string* text :
         {&event.name, &event.path, &event.fullpath, &event.moved_from, &event.moved_to})
      *text = (*this)();
    return event;
  }

 private:
  std::mt19937 random_;
};

TEST(Json, AnyBytesComeBack) {
  const auto seed = std::random_device()();
  Texts texts(seed);
  for (int round = 0; round < 5000; ++round) {
    const OwnedEvent event = texts.event();
    const std::string json = to_json(event.view());
    ASSERT_EQ(json.find_first_of("\n\x1b\x7f"), std::string::npos) << "seed " << seed;
    auto members = Parser(json).members();
    ASSERT_EQ(members.size(), 11U) << json;
    ASSERT_EQ(members["wd"], std::to_string(event.wd));
    ASSERT_EQ(members["mask"], std::to_string(event.mask));
    ASSERT_EQ(members["cookie"], std::to_string(event.cookie));
    ASSERT_EQ(members["synthetic"], event.synthetic ? "true" : "false");
    ASSERT_EQ(members["name"], event.name) << "seed " << seed << '\n' << json;
    ASSERT_EQ(members["path"], event.path) << "seed " << seed << '\n' << json;
    ASSERT_EQ(members["fullpath"], event.fullpath) << "seed " << seed << '\n' << json;
    ASSERT_EQ(members["moved_from"], event.moved_from) << "seed " << seed << '\n' << json;
    ASSERT_EQ(members["moved_to"], event.moved_to) << "seed " << seed << '\n' << json;
    ASSERT_EQ(members["error"], "null");
  }
}

// What python3 makes of it is, byte for byte, what was there.
TEST(Json, PythonReadsTheSame) {
  if (std::system("python3 -c 'import json' >/dev/null 2>&1") != 0)
    GTEST_SKIP() << "no python3 here";
  const test::TempDir dir;
  const auto seed = std::random_device()();
  Texts texts(seed);
  std::ofstream lines(dir / "lines");
  std::ofstream bytes(dir / "bytes", std::ios::binary);
  for (int round = 0; round < 500; ++round) {
    const OwnedEvent event = texts.event();
    lines << to_json(event.view(), std::chrono::system_clock::now()) << '\n';
    for (const auto& text :
         {event.name, event.path, event.fullpath, event.moved_from, event.moved_to})
      bytes << text << '\0';
  }
  lines.close();
  bytes.close();
  test::write_file(dir / "check.py", R"(
import base64, datetime, json, sys
def text(event, key):
    assert (key in event) != (key + "_base64" in event)
    if key in event: return event[key].encode()
    data = base64.b64decode(event[key + "_base64"], validate=True)
    try: data.decode()
    except UnicodeDecodeError: return data
    raise AssertionError("base64 of what is UTF-8")
found = b""
with open(sys.argv[1], encoding="utf-8") as lines:
    for line in lines:
        event = json.loads(line)
        datetime.datetime.strptime(event["time"], "%Y-%m-%dT%H:%M:%S.%fZ")
        for key in "name", "path", "fullpath", "moved_from", "moved_to":
            found += text(event, key) + b"\0"
assert found == open(sys.argv[2], "rb").read()
)");
  const std::string command = "python3 '" + (dir / "check.py").string() + "' '" +
                              (dir / "lines").string() + "' '" + (dir / "bytes").string() + "'";
  EXPECT_EQ(std::system(command.c_str()), 0) << "seed " << seed;
}

}  // namespace
