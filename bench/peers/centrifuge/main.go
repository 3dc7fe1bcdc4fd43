// A server of centrifuge, the library that Centrifugo is made of: `centrifuge <port>`. Clients
// speak JSON and can come back to what they missed, as a gateway's can; the history is in memory.
// What it is told and answers: ../orders.ts.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/centrifugal/centrifuge"
)

// So rare that no ping falls into a measurement.
const pingEvery = 5 * time.Minute

// As many, and for as long, as a gateway keeps by default.
const (
	historySize = 10_000
	historyTTL  = time.Hour
)

type order struct {
	Order string          `json:"order"`
	Data  json.RawMessage `json:"data"`
}

func main() {
	pings := centrifuge.PingPongConfig{PingInterval: pingEvery, PongTimeout: pingEvery / 2}
	node, err := centrifuge.New(centrifuge.Config{})
	if err != nil {
		log.Fatal(err)
	}
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{
			Credentials:    &centrifuge.Credentials{},
			PingPongConfig: &pings,
		}, nil
	})
	node.OnConnect(func(client *centrifuge.Client) {
		client.OnSubscribe(func(_ centrifuge.SubscribeEvent, answer centrifuge.SubscribeCallback) {
			options := centrifuge.SubscribeOptions{EnableRecovery: true}
			answer(centrifuge.SubscribeReply{Options: options}, nil)
		})
	})
	if err := node.Run(); err != nil {
		log.Fatal(err)
	}
	// What costs it least: buffers for writing are shared.
	config := centrifuge.WebsocketConfig{UseWriteBufferPool: true}
	clients := centrifuge.NewWebsocketHandler(node, config)
	http.Handle("/connection/websocket", clients)
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(http.Serve(listener, nil)) }()
	obey(node)
}

func obey(node *centrifuge.Node) {
	say(node)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var told order
		if err := json.Unmarshal(lines.Bytes(), &told); err != nil {
			log.Fatal(err)
		}
		switch told.Order {
		case "publish":
			history := centrifuge.WithHistory(historySize, historyTTL)
			if _, err := node.Publish("room", told.Data, history); err != nil {
				log.Fatal(err)
			}
		case "collect":
			debug.FreeOSMemory()
		}
		say(node)
	}
}

func say(node *centrifuge.Node) {
	var spent syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &spent); err != nil {
		log.Fatal(err)
	}
	cpu := (spent.Utime.Nano() + spent.Stime.Nano()) / int64(time.Microsecond)
	fmt.Printf("{\"cpu\":%d,\"rss\":%d,\"sockets\":%d}\n", cpu, resident(), node.Hub().NumClients())
}

// Bytes.
func resident() int64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		log.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	if err != nil {
		log.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}
