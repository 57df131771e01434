#include <gtest/gtest.h>

#include <cstdint>
#include <inotify/error.hpp>
#include <inotify/event.hpp>
#include <random>
#include <sstream>
#include <string>
#include <utility>

namespace {

using inotify::Event;
using inotify::EventBits;
using inotify::Mask;
using inotify::OwnedEvent;

using Predicate = bool (EventBits::*)() const noexcept;

constexpr std::pair<Mask, Predicate> predicates[] = {
    {IN_ACCESS, &EventBits::is_access},
    {IN_MODIFY, &EventBits::is_modify},
    {IN_ATTRIB, &EventBits::is_attrib},
    {IN_CLOSE_WRITE, &EventBits::is_close_write},
    {IN_CLOSE_NOWRITE, &EventBits::is_close_nowrite},
    {IN_OPEN, &EventBits::is_open},
    {IN_MOVED_FROM, &EventBits::is_moved_from},
    {IN_MOVED_TO, &EventBits::is_moved_to},
    {IN_CREATE, &EventBits::is_create},
    {IN_DELETE, &EventBits::is_delete},
    {IN_DELETE_SELF, &EventBits::is_delete_self},
    {IN_MOVE_SELF, &EventBits::is_move_self},
    {IN_UNMOUNT, &EventBits::is_unmount},
    {IN_Q_OVERFLOW, &EventBits::is_overflow},
    {IN_IGNORED, &EventBits::is_ignored},
    {IN_ISDIR, &EventBits::is_dir},
};

Event sample() {
  Event event;
  event.wd = 3;
  event.mask = IN_MOVED_TO | IN_ISDIR;
  event.cookie = 42;
  event.name = "new name";
  event.path = "/tmp";
  event.fullpath = "/tmp/new name";
  event.moved_from = "/tmp/old";
  return event;
}

template <class T>
std::string printed(const T& event) {
  std::ostringstream out;
  out << event;
  return out.str();
}

TEST(Event, EachBitAnswersItsOwnQuestionAndNoOther) {
  for (const auto& [bit, asked] : predicates) {
    Event event;
    event.mask = bit;
    for (const auto& [other, question] : predicates) {
      EXPECT_EQ((event.*question)(), bit == other)
          << inotify::to_string(bit) << " asked for " << inotify::to_string(other);
    }
  }
}

TEST(Event, CanCarrySeveralBits) {  // [36]
  Event event;
  event.mask = IN_MODIFY | IN_ATTRIB;
  EXPECT_TRUE(event.is_modify());
  EXPECT_TRUE(event.is_attrib());
  EXPECT_FALSE(event.is_dir());
}

TEST(Event, ACombinationIsAnyOfItsBits) {
  for (const Mask bit : {Mask{IN_CLOSE_WRITE}, Mask{IN_CLOSE_NOWRITE}, Mask{IN_CLOSE}}) {
    Event event;
    event.mask = bit;
    EXPECT_TRUE(event.is_close());
    EXPECT_FALSE(event.is_move());
  }
  for (const Mask bit : {Mask{IN_MOVED_FROM}, Mask{IN_MOVED_TO}}) {
    Event event;
    event.mask = bit;
    EXPECT_TRUE(event.is_move());
    EXPECT_FALSE(event.is_close());
  }
  EXPECT_FALSE(Event().is_close() || Event().is_move());
}

TEST(Event, IsWrittenOnOneLine) {
  EXPECT_EQ(inotify::to_string(sample()),
            R"(IN_MOVED_TO|IN_ISDIR "/tmp/new name" from "/tmp/old" cookie=42)");
  Event from = sample();
  from.mask = IN_MOVED_FROM;
  from.moved_from = {};
  from.moved_to = "/else\nwhere";
  EXPECT_EQ(inotify::to_string(from),
            R"(IN_MOVED_FROM "/tmp/new name" to "/else\nwhere" cookie=42)");
}

TEST(Event, AnOverflowIsWrittenWithoutAPath) {
  Event event;
  event.mask = IN_Q_OVERFLOW;
  EXPECT_EQ(inotify::to_string(event), "IN_Q_OVERFLOW");
}

TEST(Event, WithoutAPathItHasItsDescriptor) {
  Event event;
  event.wd = 7;
  event.mask = IN_IGNORED;
  EXPECT_EQ(inotify::to_string(event), "IN_IGNORED wd=7");
}

TEST(Event, SaysWhenItWasFoundByListing) {
  Event event;
  event.mask = IN_CREATE;
  event.fullpath = "/f";
  event.synthetic = true;
  EXPECT_EQ(inotify::to_string(event), R"(IN_CREATE "/f" synthetic)");
}

TEST(Event, OfAHoleIsWrittenWithItsCause) {
  Event event;
  event.path = event.fullpath = "/tmp/deep";
  event.error = inotify::make_error(ENOMEM);
  EXPECT_EQ(inotify::to_string(event),
            R"(hole "/tmp/deep": )" + std::generic_category().message(ENOMEM));
}

TEST(Event, StreamsAndStringsAgree) {
  EXPECT_EQ(printed(sample()), inotify::to_string(sample()));
  EXPECT_EQ(printed(OwnedEvent(sample())), inotify::to_string(sample()));
#ifdef __cpp_lib_format
  EXPECT_EQ(std::format("{}", sample()), inotify::to_string(sample()));
  EXPECT_EQ(std::format("{}", OwnedEvent(sample())), inotify::to_string(sample()));
#endif
}

TEST(Event, QuotesWhatWouldBreakTheLine) {
  EXPECT_EQ(inotify::quoted(""), R"("")");
  EXPECT_EQ(inotify::quoted("plain"), R"("plain")");
  EXPECT_EQ(inotify::quoted("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(inotify::quoted("\n\t\r"), R"("\n\t\015")");
  EXPECT_EQ(inotify::quoted(std::string("\x01\x1f\x7f\0", 4)), R"("\001\037\177\000")");
  EXPECT_EQ(inotify::quoted("\x01\x32"), R"("\0012")")
      << "the digit that follows is no part of the escape";
}

TEST(Event, LeavesLettersOfAnyAlphabetAlone) {
  const std::string name = "\xc3\xa9t\xc3\xa9 \xe6\x97\xa5";
  EXPECT_EQ(inotify::quoted(name), '"' + name + '"');
}

// UTF-8, for the code points that fit.
std::string utf8(char32_t c) {
  const auto byte = [](char32_t value) { return static_cast<char>(value); };
  if (c < 0x80) return {byte(c)};
  if (c < 0x800) return {byte(0xc0 | (c >> 6)), byte(0x80 | (c & 0x3f))};
  if (c < 0x10000) {
    return {byte(0xe0 | (c >> 12)), byte(0x80 | ((c >> 6) & 0x3f)), byte(0x80 | (c & 0x3f))};
  }
  return {byte(0xf0 | (c >> 18)), byte(0x80 | ((c >> 12) & 0x3f)), byte(0x80 | ((c >> 6) & 0x3f)),
          byte(0x80 | (c & 0x3f))};
}

std::string octal(const std::string& bytes) {
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    for (const int digit : {byte >> 6, (byte >> 3) & 7, byte & 7}) {
      if (text.size() % 4 == 0) text += '\\';
      text += static_cast<char>('0' + digit);
    }
  }
  return text;
}

TEST(Event, QuotesWhatSteersATerminalOrHidesTheOrder) {
  for (char32_t c = 0x80; c <= 0x9f; ++c) {
    EXPECT_EQ(inotify::quoted(utf8(c)), '"' + octal(utf8(c)) + '"') << std::hex << std::uint32_t{c};
  }
  for (const char32_t c : std::u32string{0x061c, 0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202b,
                                         0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069}) {
    EXPECT_EQ(inotify::quoted('a' + utf8(c) + 'b'), "\"a" + octal(utf8(c)) + "b\"")
        << std::hex << std::uint32_t{c};
  }
}

TEST(Event, LeavesEveryOtherLetterAlone) {
  for (const char32_t c :
       std::u32string{0xa0, 0x61b, 0x61d, 0x7ff, 0x800, 0x200d, 0x2010, 0x2027, 0x202f, 0x2065,
                      0x206a, 0xd7ff, 0xe000, 0xffff, 0x10000, 0x1f600, 0x10ffff}) {
    EXPECT_EQ(inotify::quoted(utf8(c)), '"' + utf8(c) + '"') << std::hex << std::uint32_t{c};
  }
}

// A broken sequence would swallow what comes behind it, and a C1 control may hide in one.
TEST(Event, QuotesBrokenUtf8) {
  for (const char* broken :
       {"\x80", "\x9b", "\xbf", "\xc3", "\xc0\x80", "\xc1\xbf", "\xe2\x82", "\xe0\x80\x80",
        "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x80\x80\x80", "\xf0\x9f\x98",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf8\x88\x80\x80\x80", "\xfe", "\xff"}) {
    EXPECT_EQ(inotify::quoted(broken), '"' + octal(broken) + '"');
    EXPECT_EQ(inotify::quoted(std::string(broken) + "m"), '"' + octal(broken) + "m\"");
  }
  EXPECT_EQ(inotify::quoted("\xc3\xc3\xa9"), "\"\\303\xc3\xa9\"") << "it begins anew at once";
}

// What is left of any bytes is well-formed and has nothing in it that is escaped.
TEST(Event, QuotedTextQuotesToItself) {
  std::mt19937 random(1);
  for (int i = 0; i < 20000; ++i) {
    std::string bytes(random() % 8, '\0');
    for (char& c : bytes)
      c = static_cast<char>(random() % 3 == 0 ? random() : 0x80 + random() % 96);
    std::string text = inotify::quoted(bytes);
    text = text.substr(1, text.size() - 2);
    std::string plain;
    for (const char c : text) plain += c == '\\' || c == '"' ? '.' : c;
    ASSERT_EQ(inotify::quoted(plain), '"' + plain + '"') << octal(bytes);
  }
}

TEST(OwnedEvent, KeepsEverythingAfterTheTextsAreGone) {
  OwnedEvent kept;
  {
    const std::string text = "a text longer than what a small string holds inside";
    Event event = sample();
    event.name = event.path = event.fullpath = event.moved_from = event.moved_to = text;
    event.synthetic = true;
    event.error = inotify::make_error(EACCES);
    kept = OwnedEvent(event);
  }
  const std::string text = "a text longer than what a small string holds inside";
  EXPECT_EQ(kept.wd, 3);
  EXPECT_EQ(kept.mask, IN_MOVED_TO | IN_ISDIR);
  EXPECT_EQ(kept.cookie, 42U);
  EXPECT_TRUE(kept.synthetic);
  EXPECT_EQ(kept.error, std::errc::permission_denied);
  for (const std::string* copy :
       {&kept.name, &kept.path, &kept.fullpath, &kept.moved_from, &kept.moved_to}) {
    EXPECT_EQ(*copy, text);
  }
}

TEST(OwnedEvent, ViewsItsOwnTexts) {
  const OwnedEvent kept(sample());
  const Event view = kept.view();
  EXPECT_EQ(inotify::to_string(view), inotify::to_string(sample()));
  EXPECT_EQ(view.wd, 3);
  EXPECT_EQ(view.name, "new name");
  EXPECT_EQ(view.path, "/tmp");
  EXPECT_EQ(view.fullpath.data(), kept.fullpath.data());
  EXPECT_EQ(view.fullpath.data()[view.fullpath.size()], '\0');
}

TEST(OwnedEvent, RoundTripsThroughItsView) {
  const OwnedEvent kept(sample());
  const OwnedEvent again(kept.view());
  EXPECT_EQ(printed(again), printed(kept));
  EXPECT_EQ(again.path, kept.path);
  EXPECT_EQ(again.name, kept.name);
}

}  // namespace
