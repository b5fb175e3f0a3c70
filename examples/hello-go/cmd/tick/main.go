// Command tick is a worker: it logs the time in Lisbon once a minute.
package main

import (
	"log"
	"time"
)

func main() {
	lisbon, err := time.LoadLocation("Europe/Lisbon")
	if err != nil {
		log.Fatal(err)
	}
	for {
		log.Print(time.Now().In(lisbon).Format(time.Kitchen))
		time.Sleep(time.Minute)
	}
}
